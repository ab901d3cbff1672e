/* Text between the engine and ada: both sides of url.cc and urlpattern.cc. */
#ifndef BB_URL_TEXT_H
#define BB_URL_TEXT_H

#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "quickjs.h"

namespace bb {

/* Longer texts are refused: ada counts in 32 bits, and percent-encoding makes nine bytes of one code unit. */
constexpr size_t longest_text = size_t{1} << 26;
/* What a call of ada takes at most beside its texts. */
constexpr size_t small_things = size_t{1} << 14;

/*
 * Whether the memory limit has room for so much; an exception is pending where it has not. C++ cannot go on without the
 * memory that it asks for (cxx_memory.cc), so it is asked before, where the engine can still throw.
 */
inline bool has_room(JSContext *ctx, size_t bytes) {
  void *room = js_malloc(ctx, bytes);
  js_free(ctx, room);
  return room != nullptr;
}

/* A string of the engine as well-formed UTF-8: lone surrogates are U+FFFD. */
class Text {
 public:
  Text(JSContext *ctx, JSValueConst value) : ctx_(ctx) {
    raw_ = JS_ToCStringLen(ctx, &length_, value);
    if (raw_ == nullptr) return;
    if (length_ > longest_text) {
      JS_ThrowRangeError(ctx, "the text is too long: %zu bytes of at most %zu", length_, longest_text);
      drop();
    } else if (!has_room(ctx, small_things + length_ * 8)) {
      drop();
    }
    if (raw_ != nullptr) replace_surrogates();
  }
  Text(const Text &) = delete;
  Text &operator=(const Text &) = delete;
  ~Text() { drop(); }

  bool failed() const { return raw_ == nullptr; }
  std::string_view view() const { return fixed_ ? std::string_view(*fixed_) : std::string_view(raw_, length_); }

 private:
  void drop() {
    if (raw_ != nullptr) JS_FreeCString(ctx_, raw_);
    raw_ = nullptr;
  }

  /* The engine writes a lone surrogate as its three bytes ED A0..BF xx, and U+FFFD has three bytes too. */
  void replace_surrogates() {
    const char *end = raw_ + length_;
    const char *at = raw_;
    while ((at = static_cast<const char *>(memchr(at, 0xED, static_cast<size_t>(end - at)))) != nullptr) {
      if (end - at >= 3 && static_cast<unsigned char>(at[1]) >= 0xA0) {
        if (!fixed_) fixed_.emplace(raw_, length_);
        fixed_->replace(static_cast<size_t>(at - raw_), 3, "\xEF\xBF\xBD");
      }
      at++;
      if (at == end) break;
    }
  }

  JSContext *ctx_;
  const char *raw_ = nullptr;
  size_t length_ = 0;
  std::optional<std::string> fixed_;
};

inline JSValue to_js(JSContext *ctx, std::string_view text) { return JS_NewStringLen(ctx, text.data(), text.size()); }

}  // namespace bb
#endif
