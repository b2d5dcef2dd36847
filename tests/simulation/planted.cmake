# SPDX-License-Identifier: MIT
#
# Programs in which the simulation must find something: each is the simulation's tests with one file of the
# library's replaced by a copy with a fault in it. The fault is an edit, made while configuring, of one line that
# must be there exactly once; the product's own sources know nothing of it. Included by tests/CMakeLists.txt.

# headrace_plant(NAME FILE FROM TO MODEL TEXT): in a program where FROM in src/FILE reads TO, the simulation must
# find under MODEL what it describes with TEXT.
function(headrace_plant name file from to model text)
  set(source ${PROJECT_SOURCE_DIR}/src/${file})
  set(planted ${CMAKE_CURRENT_BINARY_DIR}/planted/${name}.cpp)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  file(READ ${source} code)
  string(FIND "${code}" "${from}" first)
  string(FIND "${code}" "${from}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    add_test(NAME simulation.finds_planted_${name} COMMAND ${CMAKE_COMMAND} -E cat
      "tests/simulation/planted.cmake: this must be in src/${file} exactly once: ${from}")
    return()
  endif()
  string(REPLACE "${from}" "${to}" code "${code}")
  file(CONFIGURE OUTPUT ${planted} CONTENT "${code}" @ONLY)  # written only if it differs

  string(REPLACE "." "[.]" pattern "/${file}")
  add_executable(planted_${name} ${planted} $<TARGET_OBJECTS:simulation_tests>
    $<FILTER:$<TARGET_OBJECTS:headrace_objects>,EXCLUDE,${pattern}[.]o$>)
  target_include_directories(planted_${name} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  target_link_directories(planted_${name} PRIVATE ${libmnl_LIBRARY_DIRS} ${liburing_LIBRARY_DIRS})
  target_link_libraries(planted_${name} PRIVATE Threads::Threads ${libmnl_LIBRARIES} ${liburing_LIBRARIES} GTest::gmock GTest::gtest)
  headrace_link_as_compiled(planted_${name})
  math(EXPR seconds "60 * ${slowness}")
  add_test(NAME simulation.finds_planted_${name}
    COMMAND planted_${name} --model ${model} --find ${text})
  set_tests_properties(simulation.finds_planted_${name} PROPERTIES LABELS simulation TIMEOUT ${seconds})
endfunction()

# A read that came short is believed on a Unix socket too, where it also ends at other rights of the sender: under the
# edge trigger nobody tells again of what is left.
headrace_plant(lost_wake_up engines/epoll_edge.cpp
  "if (socket.transport == Transport::tcp) socket.trusted_below"
  "socket.trusted_below"
  epoll-edge "everybody sleeps")

# A record goes back to the pool when its connection is closed, not at the end of the batch.
headrace_plant(early_free engines/readiness_engine.cpp
  "  socket.next = closed_;\n  closed_ = &socket;"
  "  records_.give(socket);"
  epoll-level "a record is used again")

# An urgent byte is no reason not to believe a short read.
headrace_plant(trust_after_urgent engines/epoll_edge.cpp
  "kMoreBehind = EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR;"
  "kMoreBehind = EPOLLRDHUP | EPOLLHUP | EPOLLERR;"
  epoll-edge "everybody sleeps")

# A bug that the simulation has found: a wheel that has become empty asked for a look for ever, and the loop turned
# without waiting.
headrace_plant(restless_wheel engines/timer_wheel.cpp
  "if (--count_ == 0) next_look_ = kNever;"
  "--count_;"
  epoll-edge "turn follows turn")

# A copy of a buffer that went home at once comes home as that buffer.
headrace_plant(buffer_twice engines/io_uring_buffers.cpp
  "copy->pool = &copies_;"
  "copy->pool = &given_, copy->id = block->id;"
  io_uring "is given back")

# A receive that found no buffer is not asked for again.
headrace_plant(starved_for_ever engines/io_uring_reading.cpp
  "if (answer == -ENOBUFS) return is_awaited(socket) ? starve(socket) : void();"
  "if (answer == -ENOBUFS) return;"
  io_uring "everybody sleeps")
