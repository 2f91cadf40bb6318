// SPDX-License-Identifier: Apache-2.0
#include "memory.h"

#include <fmt/format.h>
#include <nanobind/stl/optional.h>

#include <chrono>
#include <utility>

#include "byte_size.h"
#include "errors.h"
#include "fork.h"
#include "utf8_view.h"

namespace waterline::python {
namespace {

constexpr double kForever = 3e8;  // Seconds: ten years.

}  // namespace

SharedLease::SharedLease(MemoryLease lease)
    : lease_(std::make_shared<const MemoryLease>(std::move(lease))), forks_(ForkCount()) {}

SharedLease::~SharedLease() { Release(); }

void SharedLease::Release() {
  // In a process that was forked since, nobody is there to take it back.
  if (lease_ != nullptr && forks_ != ForkCount()) new std::shared_ptr(lease_);
  lease_ = nullptr;
}

std::shared_ptr<const MemoryLease> SharedLease::lease() const {
  if (lease_ == nullptr) Raise(PyExc_ValueError, "the lease has been released");
  if (forks_ != ForkCount()) {
    Raise(PyExc_RuntimeError, "the lease was taken before this process was forked; take another");
  }
  return lease_;
}

size_t ReadBytes(nb::handle size, const char* name) {
  if (PyUnicode_Check(size.ptr())) {
    return Take(cli::ParseByteSize(Utf8View(size, name).bytes()));
  }
  if (!PyLong_Check(size.ptr()) || PyBool_Check(size.ptr())) {
    Raise(PyExc_TypeError, fmt::format("{} is of type {}, expected bytes as int, or a str such as "
                                       "\"256MiB\"",
                                       name, nb::inst_name(size).c_str()));
  }
  const size_t bytes = PyLong_AsSize_t(size.ptr());
  if (PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    Raise(PyExc_ValueError,
          fmt::format("{} is {}, expected 0 to 2^64 - 1 bytes", name, nb::str(size).c_str()));
  }
  return bytes;
}

WaitLimit ReadTimeout(std::optional<double> timeout) {
  if (!timeout) return {};
  if (!(*timeout >= 0)) {
    Raise(PyExc_ValueError,
          fmt::format("timeout is {}, expected seconds from 0 on, or None", *timeout));
  }
  if (*timeout > kForever) return {};
  const auto seconds = std::chrono::duration<double>(*timeout);
  return {.deadline = std::chrono::steady_clock::now() +
                      std::chrono::duration_cast<std::chrono::steady_clock::duration>(seconds)};
}

void BindMemory(nb::module_& module) {
  using namespace nb::literals;
  nb::class_<SharedLease>(module, "Lease",
                          "Memory of a model's workspace, held until the end of the `with` block.")
      .def_prop_ro("bytes", &SharedLease::bytes, "Bytes that are held; 0 after release().")
      .def("release", &SharedLease::Release, "Gives the memory back, after calls that run in it.")
      .def("__enter__", [](nb::handle self) { return nb::borrow(self); })
      .def("__exit__", [](SharedLease& self, nb::args) { self.Release(); });
  nb::class_<MemoryBudget>(module, "MemoryBudget",
                           "One number of bytes that several models share (shared_budget=).")
      .def(
          "__init__",
          [](MemoryBudget* self, nb::object bytes) {
            new (self) MemoryBudget(ReadBytes(bytes, "bytes"));
          },
          "bytes"_a = 0)
      .def_prop_ro("limit", &MemoryBudget::limit)
      .def_prop_ro("in_use", &MemoryBudget::in_use)
      .def_prop_ro("peak", &MemoryBudget::peak)
      .def("reset_peak", &MemoryBudget::ResetPeak)
      .def(
          "lease",
          [](const MemoryBudget& self, nb::object bytes) {
            return SharedLease(Take(self.Lease(ReadBytes(bytes, "bytes"))));
          },
          "bytes"_a);
}

}  // namespace waterline::python
