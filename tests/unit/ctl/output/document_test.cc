// Goal: JSON and YAML are well formed and lose nothing, by golden output.
#include "ctl/output/document.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>

namespace echogw::ctl {
namespace {

Document Sample() {
  Document list = Document::Array();
  list.Append(Document::Object({{"a", 1}, {"b", Document::Array().Append(true).Append("x")}}));
  list.Append("two");
  list.Append(Document::Array().Append(1).Append(2));
  return Document::Object({{"text", "say \"hi\"\n"},
                           {"none", {}},
                           {"empty_list", Document::Array()},
                           {"empty_object", Document::Object()},
                           {"list", list},
                           {"inner", Document::Object({{"yes", -1}, {"a.b", 0.5}})}});
}

std::string Json(const Document& document, bool pretty) {
  std::ostringstream out;
  document.WriteJson(out, pretty);
  return out.str();
}

std::string Yaml(const Document& document) {
  std::ostringstream out;
  document.WriteYaml(out);
  return out.str();
}

TEST(Document, WritesJsonOnOneLine) {
  EXPECT_EQ(Json(Sample(), false),
            R"({"text": "say \"hi\"\n", "none": null, "empty_list": [], "empty_object": {}, )"
            R"("list": [{"a": 1, "b": [true, "x"]}, "two", [1, 2]], )"
            R"("inner": {"yes": -1, "a.b": 0.5}})");
}

TEST(Document, WritesIndentedJson) {
  EXPECT_EQ(
      Json(Document::Object({{"a", Document::Array().Append(1).Append(2)}, {"b", "c"}}), true),
      "{\n"
      "  \"a\": [\n"
      "    1,\n"
      "    2\n"
      "  ],\n"
      "  \"b\": \"c\"\n"
      "}");
}

TEST(Document, WritesYamlInBlocks) {
  EXPECT_EQ(Yaml(Sample()),
            "text: \"say \\\"hi\\\"\\n\"\n"
            "none: null\n"
            "empty_list: []\n"
            "empty_object: {}\n"
            "list:\n"
            "  - a: 1\n"
            "    b:\n"
            "      - true\n"
            "      - \"x\"\n"
            "  - \"two\"\n"
            "  - - 1\n"
            "    - 2\n"
            "inner:\n"
            "  \"yes\": -1\n"
            "  \"a.b\": 0.5\n");
  EXPECT_EQ(Yaml("x"), "\"x\"\n");
  EXPECT_EQ(Yaml(Document::Array()), "[]\n");
}

TEST(Document, KeepsEveryDigit) {
  EXPECT_EQ(Json(std::numeric_limits<std::uint64_t>::max(), false), "18446744073709551615");
  EXPECT_EQ(Json(std::numeric_limits<std::int64_t>::min(), false), "-9223372036854775808");
  EXPECT_EQ(Json((std::uint64_t{1} << 53) + 1, false), "9007199254740993");
  EXPECT_EQ(Json(0.1, false), "0.1");
  EXPECT_EQ(Json(std::numeric_limits<double>::infinity(), false), "null");
  EXPECT_EQ(Json(std::numeric_limits<double>::quiet_NaN(), false), "null");
}

TEST(Document, QuotesWhatJsonCannotHold) {
  EXPECT_EQ(JsonQuote(std::string("a\\\t\r\x01\x7f\0b", 8)), R"("a\\\t\r\u0001\u007f\u0000b")");
  // YAML does not allow C1 and some others as they are, and a terminal obeys U+009B.
  EXPECT_EQ(JsonQuote("\xC2\x80\xC2\x85\xC2\x9B\xC2\xA0"), "\"\\u0080\\u0085\\u009b\xC2\xA0\"");
  EXPECT_EQ(JsonQuote("\xEF\xBB\xBF\xEF\xBF\xBE\xEF\xBF\xBF"), R"("\ufeff\ufffe\uffff")");
  EXPECT_EQ(JsonQuote("µ€😀"), "\"µ€😀\"");
  // A stray continuation byte, a cut character, an overlong form, a surrogate, past U+10FFFF.
  EXPECT_EQ(JsonQuote("\x80"), "\"\xEF\xBF\xBD\"");
  EXPECT_EQ(JsonQuote("\xC2"), "\"\xEF\xBF\xBD\"");
  EXPECT_EQ(JsonQuote("\xC0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(JsonQuote("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(JsonQuote("\xF5"), "\"\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace echogw::ctl
