// SPDX-License-Identifier: Apache-2.0
#include "memory/machine.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace waterline {
namespace {

// A made-up /proc and /sys.
class MachineTest : public testing::Test {
 protected:
  MachineTest() : root_(testing::TempDir() + "/waterline_machine_test") {
    std::filesystem::remove_all(root_);
    Write("proc/meminfo", "MemTotal: 9000 kB\nMemFree: 100 kB\nMemAvailable: 8000 kB\n");
  }
  ~MachineTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  const std::filesystem::path root_;
};

constexpr size_t kKiB = 1024;

TEST_F(MachineTest, WithoutGroupsItIsWhatTheKernelCallsAvailable) {
  EXPECT_EQ(AvailableMemory(root_), 8000 * kKiB);
}

TEST_F(MachineTest, AGroupsLimitCounts) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/memory.max", "4096000\n");
  Write("sys/fs/cgroup/memory.current", "96000\n");
  EXPECT_EQ(AvailableMemory(root_), 4000000u);
  Write("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(AvailableMemory(root_), 8000 * kKiB);
}

TEST_F(MachineTest, PagesOfFilesCountAsFree) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/memory.max", "4096000\n");
  Write("sys/fs/cgroup/memory.current", "3096000\n");
  Write("sys/fs/cgroup/memory.stat", "anon 96000\nfile 3000000\ninactive_file 2000000\n");
  EXPECT_EQ(AvailableMemory(root_), 3000000u);
}

TEST_F(MachineTest, AGroupAroundTheOwnOneCountsToo) {
  Write("proc/self/cgroup", "0::/outer/inner\n");
  Write("sys/fs/cgroup/outer/inner/memory.max", "5000000\n");
  Write("sys/fs/cgroup/outer/inner/memory.current", "1000000\n");
  Write("sys/fs/cgroup/outer/memory.max", "3000000\n");
  Write("sys/fs/cgroup/outer/memory.current", "1500000\n");
  EXPECT_EQ(AvailableMemory(root_), 1500000u);
}

TEST_F(MachineTest, APathOfTheHostFallsBackToTheTop) {
  Write("proc/self/cgroup", "0::/docker/0123456789abcdef\n");
  Write("sys/fs/cgroup/memory.max", "2000000\n");
  Write("sys/fs/cgroup/memory.current", "500000\n");
  EXPECT_EQ(AvailableMemory(root_), 1500000u);
}

TEST_F(MachineTest, VersionOneIsRead) {
  Write("proc/self/cgroup", "5:cpu,memory:/job\n3:pids:/job\n");
  Write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "700000\n");
  Write("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "800000\n");
  EXPECT_EQ(AvailableMemory(root_), 0u);  // Over its limit already.
}

TEST_F(MachineTest, NothingIsKnownWithoutProc) {
  std::filesystem::remove_all(root_);
  EXPECT_EQ(AvailableMemory(root_), 0u);
}

TEST(ResidentMemory, FollowsTouchedPages) {
  const ResidentMemory before = ReadResidentMemory();
  ASSERT_GT(before.now, 0u);
  const std::vector<char> touched(size_t{16} << 20, 'x');
  const ResidentMemory after = ReadResidentMemory();
  EXPECT_GT(after.now, before.now + (size_t{15} << 20)) << touched[77];
  EXPECT_GE(after.peak, after.now);
}

}  // namespace
}  // namespace waterline
