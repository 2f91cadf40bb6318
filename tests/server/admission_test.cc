// SPDX-License-Identifier: Apache-2.0
#include "admission.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace waterline::server {
namespace {

// How many requests of one place `client` gets, which it then holds.
size_t Fill(Admission& admission, const std::string& client, std::vector<Admission::Ticket>& held) {
  size_t count = 0;
  while (true) {
    Admission::Ticket ticket = admission.Open(client);
    if (!ticket.Enter()) return count;
    held.push_back(std::move(ticket));
    ++count;
  }
}

TEST(Admission, OneClientGetsHalfAndTheNextAPartOfTheRest) {
  Admission admission({.requests = 100, .bytes = 1000});
  std::vector<Admission::Ticket> held;
  EXPECT_EQ(Fill(admission, "a", held), 50u);
  EXPECT_EQ(Fill(admission, "b", held), 25u);
  EXPECT_EQ(admission.State().requests, 75u);
  EXPECT_EQ(admission.State().refusals, 2u);
}

TEST(Admission, ThereIsRoomForWhoComesNew) {
  Admission admission({.requests = 64, .bytes = 1000});
  std::vector<Admission::Ticket> held;
  for (const char* client : {"a", "b", "c", "d", "e"}) EXPECT_GE(Fill(admission, client, held), 1u);
}

TEST(Admission, BytesAreBoundedToo) {
  Admission admission({.requests = 10, .bytes = 1000});
  Admission::Ticket ticket = admission.Open("a");
  EXPECT_TRUE(ticket.Grow(400));
  EXPECT_TRUE(ticket.Grow(100));
  EXPECT_FALSE(ticket.Grow(100));
  EXPECT_EQ(admission.State().bytes, 500u);
  EXPECT_FALSE(admission.Open("b").Grow(1001));
  EXPECT_FALSE(admission.Open("b").Grow(SIZE_MAX));
}

TEST(Admission, WhatATicketHeldComesBack) {
  Admission admission({.requests = 10, .bytes = 1000});
  {
    Admission::Ticket ticket = admission.Open("a");
    EXPECT_TRUE(ticket.Grow(100) && ticket.Enter(3));
    Admission::Ticket moved = std::move(ticket);
    moved.Leave();
    EXPECT_EQ(admission.State().requests, 0u);
    EXPECT_EQ(admission.State().bytes, 100u);
    moved.Shrink(40);
    EXPECT_EQ(admission.State().bytes, 60u);
  }
  EXPECT_EQ(admission.State().bytes, 0u);
}

TEST(Admission, TheLimitHoldsForManyThreads) {
  Admission admission({.requests = 8, .bytes = 1 << 20});
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        Admission::Ticket ticket = admission.Open(std::to_string(t));
        if (ticket.Grow(10) && ticket.Enter()) {
          EXPECT_LE(admission.State().requests, 8u);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admission.State().requests, 0u);
  EXPECT_EQ(admission.State().bytes, 0u);
}

}  // namespace
}  // namespace waterline::server
