// SPDX-License-Identifier: Apache-2.0
#include "fake_cuda.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <set>

struct CUgraph_st {
  std::vector<std::function<void()>> nodes;
};
struct CUgraphExec_st {
  std::vector<std::function<void()>> nodes;
};
struct CUevent_st {
  cudaStream_t stream = nullptr;  // Where recorded; null when never.
  uint64_t position = 0;
};
struct CUstream_st {
  std::deque<std::function<void()>> queue;
  uint64_t enqueued = 0, done = 0;
  CUgraph_st* capture = nullptr;
};

namespace fake_cuda {
namespace {

struct Device {
  Options options;
  char* base = nullptr;
  size_t range = 0, next = 0;
  std::map<char*, size_t> blocks, pinned;  // Start, bytes asked for.
  std::map<char*, int> owner;              // Of each block.
  std::map<int, size_t> taken;             // Of each device, whole pages.
  std::set<cudaStream_t> streams;
  std::set<cudaEvent_t> events;
  std::map<const void*, int> opt_in;
  Totals totals{};
  std::vector<Call> trace;
  cudaError_t dead = cudaSuccess, last = cudaSuccess;
  int open = 0;
  int capturing = 0;
};
Device device;
CUstream_st default_stream;
thread_local int current = 0;

// Calls come from any thread, and what they queue runs on that which waits for it: one at a time.
std::recursive_mutex mutex;
class Guard {
 public:
  Guard() : lock_(mutex) {}

 private:
  const std::lock_guard<std::recursive_mutex> lock_;
};

size_t Pages(size_t bytes) {
  const size_t p = device.options.page_bytes;
  return (bytes + p - 1) / p * p;
}
size_t Host(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }  // Pages of this machine.
[[noreturn]] void Abort(const char* what) {
  std::fprintf(stderr, "fake_cuda: %s\n", what);
  std::abort();
}
cudaError_t End(cudaError_t e) {
  device.trace.back().result = e;
  if (e) device.last = e;
  return e;
}
// Opens device memory to the code that stands for the device.
void WithDevice(const std::function<void()>& work) {
  const auto set = [](int protection) {
    for (const auto& [p, bytes] : device.blocks)
      if (mprotect(p, Host(bytes), protection)) Abort("mprotect failed");
  };
  if (device.open++ == 0) set(PROT_READ | PROT_WRITE);
  work();
  if (--device.open == 0) set(PROT_NONE);
}
void Drain(CUstream_st& s, uint64_t until) {
  while (s.done < until && !s.queue.empty()) {
    auto work = std::move(s.queue.front());
    s.queue.pop_front();
    WithDevice(work);
    ++s.done;
  }
}
void DrainAll() {
  Drain(default_stream, default_stream.enqueued);
  for (cudaStream_t s : device.streams) Drain(*s, s->enqueued);
}
CUstream_st& Stream(cudaStream_t s) { return s ? *s : default_stream; }

}  // namespace

cudaError_t Begin(const char* name, size_t bytes) {
  if (device.base == nullptr) Reset(device.options);
  ++device.totals.calls;
  device.trace.push_back({name, bytes, cudaSuccess});
  Options& o = device.options;
  if (device.dead) return End(device.dead);
  if (o.fail_call >= 0 && o.fail_call-- == 0) {
    if (o.sticky) device.dead = o.fail_with;
    return End(o.fail_with);
  }
  return cudaSuccess;
}

void Reset(const Options& options) {
  const Guard guard;
  for (const auto& [p, bytes] : device.pinned) std::free(p);
  for (cudaStream_t s : device.streams) delete s;
  for (cudaEvent_t e : device.events) delete e;
  if (device.base) munmap(device.base, device.range);
  const auto opt_in = std::move(device.opt_in);  // Kernels stay loaded.
  device = {};
  device.opt_in = opt_in;
  device.options = options;
  device.range = size_t{1} << 40;  // Addresses are not used again: stale ones fault.
  void* p =
      mmap(nullptr, device.range, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) Abort("cannot reserve the device's address range");
  device.base = static_cast<char*>(p);
  device.totals.device_bytes = device.totals.device_peak = 0;
}
Options& Current() { return device.options; }
Totals Now() {
  Totals t = device.totals;
  t.device_blocks = static_cast<int>(device.blocks.size());
  t.pinned_blocks = static_cast<int>(device.pinned.size());
  t.streams = static_cast<int>(device.streams.size());
  t.events = static_cast<int>(device.events.size());
  return t;
}
const std::vector<Call>& Trace() { return device.trace; }
void ForgetTrace() { device.trace.clear(); }
bool InDeviceRange(const void* p) { return p >= device.base && p < device.base + device.range; }
bool OnDevice(const void* p, size_t bytes) {
  auto* c = static_cast<char*>(const_cast<void*>(p));
  auto it = device.blocks.upper_bound(c);
  if (it == device.blocks.begin()) return false;
  --it;
  return c + bytes <= it->first + it->second;
}

cudaError_t EnqueueWork(const char* name, size_t bytes, cudaStream_t stream,
                        std::function<void()> work) {
  const Guard guard;
  if (cudaError_t e = Begin(name, bytes)) return e;
  CUstream_st& s = Stream(stream);
  if (s.capture) {
    s.capture->nodes.push_back(std::move(work));
    return cudaSuccess;
  }
  s.queue.push_back(std::move(work));
  ++s.enqueued;
  if (device.options.schedule == Schedule::kEager) Drain(s, s.enqueued);
  return cudaSuccess;
}

cudaError_t Enqueue(const void* kernel, const char* name, dim3 grid, dim3 block, size_t shared,
                    cudaStream_t stream, std::function<void()> work) {
  const Guard guard;
  const int sm = device.options.sm;
  const size_t most = sm == 80                            ? 163 << 10
                      : sm == 86 || sm == 89 || sm >= 120 ? 99 << 10
                                                          : 227 << 10;
  const auto opt = device.opt_in.find(kernel);
  const size_t limit = opt == device.opt_in.end() ? 48 << 10 : static_cast<size_t>(opt->second);
  const size_t threads = size_t{block.x} * block.y * block.z;
  cudaError_t e = cudaSuccess;
  if (!grid.x || !grid.y || !grid.z || grid.y > 65535 || grid.z > 65535 || !threads ||
      threads > 1024)
    e = cudaErrorInvalidConfiguration;
  if (shared > limit || shared > most) e = cudaErrorInvalidValue;
  if (e) {
    if (cudaError_t b = Begin(name)) return b;
    return End(e);
  }
  ++device.totals.launches;
  return EnqueueWork(name, 0, stream, std::move(work));
}

}  // namespace fake_cuda

using namespace fake_cuda;

extern "C" {
cudaError_t cudaGetDeviceCount(int* count) {
  const Guard guard;
  if (cudaError_t e = Begin("cudaGetDeviceCount")) return e;
  if (device.options.devices == 0) return End(cudaErrorNoDevice);
  *count = device.options.devices;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int d) {
  const Guard guard;
  if (cudaError_t e = Begin("cudaSetDevice")) return e;
  if (d < 0 || d >= device.options.devices) return End(cudaErrorInvalidValue);
  current = d;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* d) {
  const Guard guard;
  *d = 0;
  return Begin("cudaGetDevice");
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attr, int) {
  const Guard guard;
  if (cudaError_t e = Begin("cudaDeviceGetAttribute")) return e;
  const int sm = device.options.sm;
  switch (attr) {
    case cudaDevAttrClockRate:
      *value = 1410000;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = device.options.sm_count;
      break;
    case cudaDevAttrEccEnabled:
      *value = 1;
      break;
    case cudaDevAttrMemoryClockRate:
      *value = 1215000;
      break;
    case cudaDevAttrGlobalMemoryBusWidth:
      *value = 5120;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = sm / 10;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = sm % 10;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = (sm == 80 ? 163 : sm == 86 || sm == 89 || sm >= 120 ? 99 : 227) << 10;
  }
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize(void) {
  const Guard guard;
  if (cudaError_t e = Begin("cudaDeviceSynchronize")) return e;
  DrainAll();
  return cudaSuccess;
}
cudaError_t cudaGetLastError(void) {
  const Guard guard;
  const cudaError_t e = device.dead ? device.dead : device.last;
  device.last = cudaSuccess;
  return e;
}
const char* cudaGetErrorName(cudaError_t e) { return cudaGetErrorString(e); }
const char* cudaGetErrorString(cudaError_t e) {
  const Guard guard;
  switch (e) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
    case cudaErrorNotReady:
      return "device not ready";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
  }
  return "unknown error";
}
cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total) {
  const Guard guard;
  if (cudaError_t e = Begin("cudaMemGetInfo")) return e;
  const Options& o = device.options;
  *total = o.device_bytes;
  *free_bytes = o.device_bytes - o.context_bytes - device.taken[current];
  return cudaSuccess;
}
static cudaError_t Allocate(const char* name, void** p, size_t bytes) {
  const Guard guard;
  *p = nullptr;
  if (cudaError_t e = Begin(name, bytes)) return e;
  if (device.capturing) return End(cudaErrorStreamCaptureUnsupported);
  ++device.totals.allocations;
  const Options& o = device.options;
  const size_t taken = Pages(bytes);
  if (o.context_bytes + device.taken[current] + taken > o.device_bytes)
    return End(cudaErrorMemoryAllocation);
  if (device.next + Host(bytes) + 4096 > device.range) Abort("address range used up");
  char* at = device.base + device.next;
  device.next += Host(bytes) + 4096;  // One inaccessible page between blocks.
  device.blocks[at] = bytes;
  device.owner[at] = current;
  device.taken[current] += taken;
  device.totals.device_bytes += taken;
  device.totals.device_peak = std::max(device.totals.device_peak, device.totals.device_bytes);
  if (device.open) mprotect(at, Host(bytes), PROT_READ | PROT_WRITE);
  *p = at;
  return cudaSuccess;
}
static cudaError_t Release(const char* name, void* p) {
  const Guard guard;
  if (cudaError_t e = Begin(name)) {
    if (!device.dead) return e;  // A dead context still lets go of its memory in this fake.
  }
  if (!p) return cudaSuccess;
  auto it = device.blocks.find(static_cast<char*>(p));
  if (it == device.blocks.end()) return End(cudaErrorInvalidValue);
  if (!device.dead) DrainAll();
  device.totals.device_bytes -= Pages(it->second);
  device.taken[device.owner[it->first]] -= Pages(it->second);
  madvise(it->first, Host(it->second), MADV_DONTNEED);
  mprotect(it->first, Host(it->second), PROT_NONE);
  device.blocks.erase(it);
  return device.dead;
}
cudaError_t cudaMalloc(void** p, size_t bytes) {
  const Guard guard;
  return Allocate("cudaMalloc", p, bytes);
}
cudaError_t cudaMallocAsync(void** p, size_t bytes, cudaStream_t) {
  const Guard guard;
  return Allocate("cudaMallocAsync", p, bytes);
}
cudaError_t cudaFree(void* p) {
  const Guard guard;
  return Release("cudaFree", p);
}
cudaError_t cudaFreeAsync(void* p, cudaStream_t) {
  const Guard guard;
  return Release("cudaFreeAsync", p);
}
cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned) {
  const Guard guard;
  *p = nullptr;
  if (cudaError_t e = Begin("cudaHostAlloc", bytes)) return e;
  ++device.totals.allocations;
  *p = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  device.pinned[static_cast<char*>(*p)] = bytes;
  device.totals.pinned_bytes += bytes;
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* p) {
  const Guard guard;
  if (cudaError_t e = Begin("cudaFreeHost"))
    if (!device.dead) return e;
  if (!p) return cudaSuccess;
  auto it = device.pinned.find(static_cast<char*>(p));
  if (it == device.pinned.end()) return End(cudaErrorInvalidValue);
  if (!device.dead) DrainAll();
  device.totals.pinned_bytes -= it->second;
  device.pinned.erase(it);
  std::free(p);
  return device.dead;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const Guard guard;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (bytes && ((to_device && !OnDevice(to, bytes)) || (from_device && !OnDevice(from, bytes)) ||
                (!to_device && InDeviceRange(to)) || (!from_device && InDeviceRange(from)))) {
    if (cudaError_t e = Begin("cudaMemcpyAsync", bytes)) return e;
    return End(cudaErrorInvalidValue);
  }
  return EnqueueWork("cudaMemcpyAsync", bytes, stream, [=] {
    if (bytes) std::memcpy(to, from, bytes);
  });
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                              size_t width, size_t height, enum cudaMemcpyKind kind,
                              cudaStream_t stream) {
  const Guard guard;
  const auto all = [&](size_t pitch) { return height == 0 ? 0 : (height - 1) * pitch + width; };
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if ((to_device && !OnDevice(to, all(to_pitch))) ||
      (from_device && !OnDevice(from, all(from_pitch))) || (!to_device && InDeviceRange(to)) ||
      (!from_device && InDeviceRange(from)) || width > to_pitch || width > from_pitch) {
    if (cudaError_t e = Begin("cudaMemcpy2DAsync", width * height)) return e;
    return End(cudaErrorInvalidValue);
  }
  return EnqueueWork("cudaMemcpy2DAsync", width * height, stream, [=] {
    for (size_t r = 0; r < height; ++r)
      std::memcpy(static_cast<char*>(to) + r * to_pitch,
                  static_cast<const char*>(from) + r * from_pitch, width);
  });
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  const Guard guard;
  if (cudaError_t e = Begin("cudaGetDeviceProperties")) return e;
  std::snprintf(properties->name, sizeof(properties->name), "Emulated GPU");
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  const Guard guard;
  if (cudaError_t e = Begin("cudaDriverGetVersion")) return e;
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  const Guard guard;
  if (cudaError_t e = Begin("cudaRuntimeGetVersion")) return e;
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t stream) {
  const Guard guard;
  return EnqueueWork("cudaMemsetAsync", bytes, stream, [=] { std::memset(p, value, bytes); });
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned) {
  const Guard guard;
  *s = nullptr;
  if (cudaError_t e = Begin("cudaStreamCreateWithFlags")) return e;
  *s = new CUstream_st;
  device.streams.insert(*s);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t s) {
  const Guard guard;
  const cudaError_t e = Begin("cudaStreamDestroy");
  if (e && !device.dead) return e;
  if (!device.dead) Drain(*s, s->enqueued);
  device.streams.erase(s);
  delete s;
  return device.dead;
}
cudaError_t cudaStreamSynchronize(cudaStream_t s) {
  const Guard guard;
  if (cudaError_t e = Begin("cudaStreamSynchronize")) return e;
  if (Stream(s).capture) return End(cudaErrorStreamCaptureUnsupported);
  Drain(Stream(s), Stream(s).enqueued);
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t event, unsigned) {
  const Guard guard;
  return EnqueueWork("cudaStreamWaitEvent", 0, s, [=] {
    if (event->stream) Drain(*event->stream, event->position);
  });
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned) {
  const Guard guard;
  *e = nullptr;
  if (cudaError_t x = Begin("cudaEventCreateWithFlags")) return x;
  *e = new CUevent_st;
  device.events.insert(*e);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t e) {
  const Guard guard;
  const cudaError_t x = Begin("cudaEventDestroy");
  if (x && !device.dead) return x;
  device.events.erase(e);
  delete e;
  return device.dead;
}
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) {
  const Guard guard;
  if (cudaError_t x = Begin("cudaEventRecord")) return x;
  e->stream = &Stream(s);
  e->position = Stream(s).enqueued;
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t e) {
  const Guard guard;
  if (cudaError_t x = Begin("cudaEventSynchronize")) return x;
  if (e->stream) Drain(*e->stream, e->position);
  return cudaSuccess;
}
cudaError_t cudaFuncSetAttribute(const void* kernel, enum cudaFuncAttribute, int value) {
  const Guard guard;
  if (cudaError_t e = Begin("cudaFuncSetAttribute")) return e;
  device.opt_in[kernel] = value;
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t s, enum cudaStreamCaptureMode) {
  const Guard guard;
  if (cudaError_t e = Begin("cudaStreamBeginCapture")) return e;
  if (!s) return End(cudaErrorStreamCaptureUnsupported);
  s->capture = new CUgraph_st;
  ++device.capturing;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t* graph) {
  const Guard guard;
  *graph = nullptr;
  const cudaError_t e = Begin("cudaStreamEndCapture");
  if (!s->capture) return End(cudaErrorInvalidValue);
  --device.capturing;
  *graph = s->capture;
  s->capture = nullptr;
  ++device.totals.graphs;
  return e;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  const Guard guard;
  *exec = nullptr;
  if (cudaError_t e = Begin("cudaGraphInstantiate")) return e;
  *exec = new CUgraphExec_st{graph->nodes};
  ++device.totals.graphs;
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  const Guard guard;
  return EnqueueWork("cudaGraphLaunch", 0, stream, [exec] {
    for (const auto& node : exec->nodes) node();
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t g) {
  const Guard guard;
  const cudaError_t e = Begin("cudaGraphDestroy");
  if (e && !device.dead) return e;
  --device.totals.graphs;
  delete g;
  return device.dead;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t g) {
  const Guard guard;
  const cudaError_t e = Begin("cudaGraphExecDestroy");
  if (e && !device.dead) return e;
  --device.totals.graphs;
  delete g;
  return device.dead;
}
}
