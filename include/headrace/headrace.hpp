// SPDX-License-Identifier: MIT
//
// Everything: one service, every I/O model.
#pragma once

#include "headrace/address.hpp"
#include "headrace/buffer.hpp"
#include "headrace/channel.hpp"
#include "headrace/chat.hpp"
#include "headrace/connect.hpp"
#include "headrace/control.hpp"
#include "headrace/datagram.hpp"
#include "headrace/deadline.hpp"
#include "headrace/engine.hpp"
#include "headrace/events.hpp"
#include "headrace/listener.hpp"
#include "headrace/model.hpp"
#include "headrace/result.hpp"
#include "headrace/serve.hpp"
#include "headrace/service.hpp"
#include "headrace/services.hpp"
#include "headrace/stream.hpp"
#include "headrace/task.hpp"
#include "headrace/task_scope.hpp"
#include "headrace/transcoder.hpp"
