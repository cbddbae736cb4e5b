// SPDX-License-Identifier: Apache-2.0
// See content_subjects.h: media and content in one worker.
#include <stdexcept>

#include "bench/content/content_subjects.h"

namespace mediaward::bench {

SharedSubject::SharedSubject(crypto::CryptoProvider& provider, const Content& content, What what)
    : content_(content),
      what_(what),
      conferences_(calls(crypto::Suite::kAesCm128HmacSha1_80)),
      source_(provider, conferences_, 160),
      stand_(provider, content, {}, &conferences_) {
  if (what == What::kMedia) stand_.restart();  // the swarm is there, and nobody sends anything
}

SliceTicks SharedSubject::run_slice(bool) {
  if (what_ != What::kMedia) stand_.restart();
  std::uint64_t spent = 0;
  if (what_ == What::kMedia)
    spent = stand_.run_media(source_, content_.chunks());
  else
    spent = stand_.run(what_ == What::kBoth ? &source_ : nullptr, what_ == What::kBoth ? content_.chunks() : 0);
  sealed_ += what_ == What::kContent ? 0 : content_.chunks();
  if (stand_.counted(dataplane::Counter::kSrtpSealed) != sealed_) throw std::runtime_error("packets of media were lost beside the content");
  return {spent, 0};
}

}  // namespace mediaward::bench
