// SPDX-License-Identifier: Apache-2.0
// The map whose copies share blocks, against std::map: contents, order, and what differs between two copies.
#include "control/shared_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace mediaward::control::test {
namespace {

struct Thing {
  int key = 0;
  int value = 0;
};
using Map = SharedMap<Thing, &Thing::key>;
using Model = std::map<int, int>;

void put(Map& map, Model& model, int key, int value) {
  map.put(std::make_shared<const Thing>(Thing{key, value}));
  model[key] = value;
}

Model contents(const Map& map) {
  Model out;
  int last = -1;
  for (const auto& thing : map) {
    EXPECT_GT(thing->key, last) << "out of order";
    last = thing->key;
    out[thing->key] = thing->value;
  }
  return out;
}

TEST(SharedMap, IsWhatAMapIs) {
  std::mt19937 random(1);
  for (const int range : {5, 300, 5000}) {
    Map map;
    Model model;
    for (int step = 0; step < 20000; ++step) {
      const int key = static_cast<int>(random() % static_cast<unsigned>(range));
      if (random() % 5 < 3)
        put(map, model, key, step);
      else
        EXPECT_EQ(map.erase(key), model.erase(key) == 1);
      if (step % 1000 == 0) {
        const auto at = map.lower_bound(key);
        const auto wanted = model.lower_bound(key);
        ASSERT_EQ(at == map.end(), wanted == model.end());
        EXPECT_TRUE(at == map.end() || at->key == wanted->first);
        EXPECT_EQ(map.count(at, map.end()), static_cast<std::size_t>(std::distance(wanted, model.end())));
        EXPECT_EQ(map.count(map.begin(), at), static_cast<std::size_t>(std::distance(model.begin(), wanted)));
      }
    }
    EXPECT_EQ(map.size(), model.size());
    EXPECT_EQ(contents(map), model);
    for (int key = 0; key < range; ++key) EXPECT_EQ(map.contains(key), model.contains(key));
  }
}

TEST(SharedMap, ACopyKeepsWhatItHad) {
  Map map;
  Model model;
  for (int key = 0; key < 3000; ++key) put(map, model, key, key);
  const Map copy = map;
  const Model before = model;
  for (int key = 0; key < 3000; key += 7) EXPECT_TRUE(map.erase(key));
  for (int key = 1; key < 3000; key += 11) put(map, model, key, -key);
  EXPECT_EQ(contents(copy), before);
}

TEST(SharedMap, DifferencesAreAllAndOnlyWhatDiffers) {
  std::mt19937 random(2);
  Map before;
  Model model;
  for (int i = 0; i < 2000; ++i) put(before, model, static_cast<int>(random() % 6000), i);
  for (int round = 0; round < 200; ++round) {
    Map after = before;
    Model changed = model;
    for (auto changes = random() % 20; changes > 0; --changes) {
      const int key = static_cast<int>(random() % 6000);
      if (random() % 2 == 0)
        put(after, changed, key, 100000 + round);
      else
        EXPECT_EQ(after.erase(key), changed.erase(key) == 1);
    }
    std::set<int> expected, seen;
    for (const auto& [key, value] : model)
      if (!changed.contains(key) || changed[key] != value) expected.insert(key);
    for (const auto& [key, value] : changed)
      if (!model.contains(key)) expected.insert(key);
    int last = -1;
    Map::for_each_difference(before, after, [&](const auto& old, const auto& now) {
      const int key = old != nullptr ? old->key : now->key;
      EXPECT_GT(key, last);
      last = key;
      EXPECT_EQ(old != nullptr, model.contains(key));
      EXPECT_EQ(now != nullptr, changed.contains(key));
      seen.insert(key);
    });
    EXPECT_EQ(seen, expected) << "round " << round;
    before = after;
    model = changed;
  }
}

}  // namespace
}  // namespace mediaward::control::test
