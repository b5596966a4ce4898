// The formatting library, compiled once: Debian ships libfmt only as a shared library, which the statically linked ctr
// cannot use, and FMT_HEADER_ONLY costs three seconds in every file (eleven under the sanitizers).
//
// FMT_STATIC_THOUSANDS_SEPARATOR (set for the whole project) keeps std::locale out; fmt/chrono.h would bring it back.
#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {
template FMT_API auto dragonbox::to_decimal(float x) noexcept -> dragonbox::decimal_fp<float>;
template FMT_API auto dragonbox::to_decimal(double x) noexcept -> dragonbox::decimal_fp<double>;
template FMT_API auto thousands_sep_impl<char>(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl<char>(locale_ref) -> char;
template FMT_API void buffer<char>::append(const char*, const char*);
template FMT_API void vformat_to(buffer<char>&, string_view, format_args, locale_ref);
}  // namespace detail
FMT_END_NAMESPACE
