# SPDX-License-Identifier: MIT
#
# How everything here is compiled. Nothing of this reaches a project that uses the installed library.

option(HEADRACE_WERROR "Warnings are errors" OFF)
option(HEADRACE_ASSERTS "Keep assert() in optimized builds" OFF)
set(HEADRACE_SANITIZE "" CACHE STRING "What -fsanitize= takes: address,undefined or thread")

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)  # for clang-tidy and editors

# The default is -O2 -g -DNDEBUG: asserts cost instructions in every operation. They are on under the
# sanitizers, in Debug builds and with HEADRACE_ASSERTS.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  if(HEADRACE_SANITIZE)
    set(default_build_type Debug)
  else()
    set(default_build_type RelWithDebInfo)
  endif()
  set(CMAKE_BUILD_TYPE ${default_build_type} CACHE STRING "Debug, Release, RelWithDebInfo" FORCE)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_compile_options(-Wall -Wextra -Wconversion -Wshadow)
# No lazy binding stubs; and a call within the shared library may be inlined as in the static one.
add_compile_options(-fno-plt -fno-semantic-interposition)
# A resumed coroutine looks for its place by two or three comparisons instead of in a table.
add_compile_options(-fno-jump-tables)
if(HEADRACE_WERROR)
  add_compile_options(-Werror)
endif()
if(HEADRACE_ASSERTS)
  add_compile_options(-UNDEBUG)
endif()
if(HEADRACE_SANITIZE)
  # Not vptr: it opens a pipe to see whether an object is there, so without a free descriptor it takes good ones for bad.
  add_compile_options(-O1 -UNDEBUG -fsanitize=${HEADRACE_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  add_compile_definitions(HEADRACE_SANITIZED)  # system_calls.cpp: the C library's functions, which sanitizers watch
  add_link_options(-fsanitize=${HEADRACE_SANITIZE})
endif()

set(lto_default OFF)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT HEADRACE_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(lto_default ON)
endif()
option(HEADRACE_LTO "Link-time optimization of the library and the program (GCC)" ${lto_default})

# Objects hold both machine code and what link-time optimization needs ("fat"): the installed archive suits
# every linker, and tests link the machine code, which is quicker (see headrace_link_as_compiled).
function(headrace_compile_for_link_time_optimization target)
  if(HEADRACE_LTO)
    target_compile_options(${target} PRIVATE -flto=auto -ffat-lto-objects)
  endif()
endfunction()

function(headrace_link_optimized target)
  if(HEADRACE_LTO)
    target_link_options(${target} PRIVATE -flto=auto)
  endif()
endfunction()

function(headrace_link_as_compiled target)
  if(HEADRACE_LTO)
    target_link_options(${target} PRIVATE -fno-lto)
  endif()
endfunction()

# Headers that many files of a target read, and that take long: read once. Not with ccache, which does not keep what
# is made from them, nor for clang, whose tools would need them too; so a forgotten #include is seen there.
set(precompile_default OFF)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(precompile_default ON)
endif()
option(HEADRACE_PRECOMPILE "Precompile the headers that take long" ${precompile_default})

function(headrace_precompile target)
  if(HEADRACE_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()
