// SPDX-License-Identifier: Apache-2.0
// Content on its way into a memfd: nothing outside the directory, nothing but regular files, sealed so that nobody changes it.
#include "control/content_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/control/fake_dataplane.h"

namespace mediaward::control::test {
namespace {

class ContentFile : public testing::Test {
 protected:
  ContentFile() {
    std::filesystem::create_directories(dir.path("content/films"));
    write("content/films/a.bin", "0123456789");
    write("secret", "outside");
  }
  void write(const std::string& name, const std::string& text) { std::ofstream(dir.path(name), std::ios::binary) << text; }
  [[nodiscard]] std::string why(const std::string& path) const {
    const auto file = open_content(dir.path("content"), path);
    return file ? "opened" : file.error().message;
  }
  [[nodiscard]] static std::shared_ptr<const SwarmContent> content(const std::string& file, const std::string& bytes = "") {
    auto out = std::make_shared<SwarmContent>();
    out->file = file;
    if (file.empty()) out->inline_bytes = std::make_shared<const std::string>(bytes);
    return out;
  }
  TempDir dir;
};

std::string read_back(int fd) {
  std::string out(100, '\0');
  const ssize_t got = ::pread(fd, out.data(), out.size(), 0);
  out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return out;
}

TEST_F(ContentFile, OpensRegularFilesBelowTheDirectoryOnly) {
  EXPECT_EQ(why("films/a.bin"), "opened");
  EXPECT_NE(why("films/b.bin").find("`films/b.bin` cannot be opened: No such file"), std::string::npos);
  EXPECT_NE(why("../secret").find("below"), std::string::npos);
  EXPECT_NE(why("films").find("not a regular file"), std::string::npos);
  ASSERT_EQ(::symlink("../secret", dir.path("content/link").c_str()), 0);
  EXPECT_NE(why("link").find("is a symbolic link, which is not followed"), std::string::npos) << why("link");
  ASSERT_EQ(::symlink("..", dir.path("content/up").c_str()), 0);
  EXPECT_NE(why("up/secret"), "opened");
  ASSERT_EQ(::mkfifo(dir.path("content/pipe").c_str(), 0600), 0);
  EXPECT_NE(why("pipe").find("not a regular file"), std::string::npos) << "and it did not wait for a writer";
  const auto none = open_content("", "films/a.bin");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(none.error().message.find("peer.content_directory"), std::string::npos);
}

TEST_F(ContentFile, StampTellsAnotherFile) {
  const auto stamp = [&] { return stamp_content(dir.path("content"), "films/a.bin").value_or(FileStamp{}); };
  const FileStamp before = stamp();
  EXPECT_EQ(before.bytes, 10u);
  EXPECT_EQ(stamp(), before);
  write("content/films/a.bin", "0123456789X");
  EXPECT_NE(stamp(), before);
}

TEST_F(ContentFile, CopiesPieceByPieceAndSeals) {
  auto copy = ContentCopy::begin(dir.path("content"), content("films/a.bin"), 10);
  ASSERT_TRUE(copy) << copy.error().message;
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(copy->step(4).value_or(true));
  EXPECT_TRUE(copy->step(4).value_or(false));
  EXPECT_TRUE(copy->step(4).value_or(false)) << "asked again while the socket is full";
  EXPECT_EQ(read_back(copy->fd()), "0123456789");
  EXPECT_LT(::write(copy->fd(), "x", 1), 0);
  EXPECT_NE(::ftruncate(copy->fd(), 3), 0);
  EXPECT_NE(::ftruncate(copy->fd(), 30), 0);
}

TEST_F(ContentFile, InlineBytesAreCopiedTheSameWay) {
  auto copy = ContentCopy::begin("", content("", "abc"), 3);
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_TRUE(copy->step(100).value_or(false));
  EXPECT_EQ(read_back(copy->fd()), "abc");
}

TEST_F(ContentFile, AFileThatBecameShorterIsTold) {
  auto copy = ContentCopy::begin(dir.path("content"), content("films/a.bin"), 11);
  ASSERT_TRUE(copy);
  const auto done = copy->step(100);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("has become shorter"), std::string::npos);
}

}  // namespace
}  // namespace mediaward::control::test
