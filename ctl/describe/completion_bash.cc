#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ctl/describe/completion.h"

namespace echogw::ctl {
namespace {

// What completes a value, as the text of a case: words, or the paths of files.
std::string Action(const CliOption& option) {
  if (option.is_path) return "paths=1";
  return absl::StrCat("offer='", absl::StrJoin(option.choices, " "), "'");
}

// Cases "VERB:OPTION) ...;;" for every option that takes a value. `verb` may be '*'.
std::string ValueCases(const std::string& verb, const std::vector<CliOption>& options) {
  std::string text;
  for (const CliOption& option : options) {
    if (!option.takes_value()) continue;
    std::vector<std::string> patterns;
    for (const std::string& spelling : option.Spellings()) {
      patterns.push_back(absl::StrCat(verb, ":", spelling));
    }
    absl::StrAppend(&text, "    ", absl::StrJoin(patterns, " | "), ") ", Action(option), " ;;\n");
  }
  return text;
}

std::string OptionWords(const std::vector<CliOption>& options) {
  std::vector<std::string> words;
  for (const CliOption& option : options) {
    for (const std::string& spelling : option.Spellings()) words.push_back(spelling);
  }
  return absl::StrJoin(words, " ");
}

std::string ArgumentCases(const CliVerb& verb) {
  std::string text;
  for (std::size_t i = 0; i < verb.arguments.size(); ++i) {
    const CliOption& argument = verb.arguments[i];
    if (argument.choices.empty() && !argument.is_path) continue;
    absl::StrAppend(&text, "    ", verb.name, ":", argument.repeatable ? "*" : absl::StrCat(i),
                    ") ", Action(argument), " ;;\n");
  }
  return text;
}

// What each part of the script needs of the tree. The names are places in kScript.
struct Parts {
  std::string values;
  std::string options;
  std::string arguments;
  std::string verbs;
};

Parts PartsOf(const CliModel& model) {
  Parts parts;
  std::vector<std::string> names;
  for (const CliVerb& verb : model.verbs) {
    names.push_back(verb.name);
    absl::StrAppend(&parts.values, ValueCases(verb.name, verb.options));
    absl::StrAppend(&parts.options, "    ", verb.name, ") offer='", OptionWords(verb.options),
                    "' ;;\n");
    absl::StrAppend(&parts.arguments, ArgumentCases(verb));
  }
  absl::StrAppend(&parts.values, ValueCases("*", model.options));
  parts.verbs = absl::StrJoin(names, " ");
  return parts;
}

// Splits the line as the shell does with its quotes: bash's own words are also split at '=' and
// ':', as in 127.0.0.1:7001.
constexpr char kMain[] = R"(
_echogwctl() {
  COMPREPLY=()
  local line=${COMP_LINE:0:COMP_POINT} offer='' paths='' verb='' option='' prefix='' cur word
  local -a words=()
  local position=0 quote=_ begun='' c i last
  word=''
  for ((i = 0; i < ${#line}; i++)); do
    c=${line:i:1}
    case $quote$c in
      "''" | '""') quote=_ ;;
      "'"*) word+=$c ;;
      ?\\) i=$((i + 1)) word+=${line:i:1} ;;
      '"'*) word+=$c ;;
      _[\"\']) quote=$c begun=1 ;;
      _[[:space:]])
        [[ -n $word$begun ]] && words+=("$word")
        word='' begun=''
        ;;
      *) word+=$c ;;
    esac
  done
  words+=("$word")
  last=$((${#words[@]} - 1))
  ((last >= 1)) || return 0
  cur=${words[last]}
  # The verb, how many arguments it has, and an option that still waits for its value.
  for ((i = 1; i < last; i++)); do
    word=${words[i]}
    if [[ -n $option ]]; then
      option=''
    elif [[ $word == -* ]]; then
      _echogwctl_value "$verb" "$word" && option=$word
    elif [[ -z $verb ]]; then
      verb=$word
    else
      position=$((position + 1))
    fi
  done
  offer='' paths=''
  if [[ -n $option ]]; then
    _echogwctl_value "$verb" "$option"
  elif [[ $cur == --*=* ]]; then
    prefix=${cur%%=*}=
    _echogwctl_value "$verb" "${cur%%=*}" || return 0
  elif [[ $cur == -* ]]; then
    _echogwctl_options "$verb"
  elif [[ -z $verb ]]; then
    offer=$_echogwctl_verbs
  else
    _echogwctl_argument "$verb" "$position"
  fi
  cur=${cur#"$prefix"}
  local IFS=$' \t\n'
  while IFS='' read -r word; do
    COMPREPLY+=("$word")
  done < <(if [[ -n $paths ]]; then compgen -f -- "$cur"; else compgen -W "$offer" -- "$cur"; fi)
  # Nothing is left to offer of a part that stands there already.
  [[ $cur == *= && ${COMPREPLY[*]} == "$cur" ]] && COMPREPLY=()
  ((${#COMPREPLY[@]})) || return 0
  # Only bash itself, while it completes, knows compopt's work.
  [[ -n $paths ]] && compopt -o filenames 2> /dev/null
  [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2> /dev/null
  # bash replaces only what stands behind the last '=' or ':' where those break words.
  local breaks=${COMP_WORDBREAKS//[!:=]/} head=''
  [[ -n $breaks && $cur == *[$breaks]* ]] && head=${cur%"${cur##*["$breaks"]}"}
  [[ -n $prefix && $breaks != *=* ]] && COMPREPLY=("${COMPREPLY[@]/#/$prefix}")
  [[ -n $head ]] && COMPREPLY=("${COMPREPLY[@]#"$head"}")
  return 0
}

complete -F _echogwctl echogwctl
)";

}  // namespace

std::string BashCompletion(const CliModel& model) {
  const Parts parts = PartsOf(model);
  return absl::StrCat(
      "# bash completion for ", model.name, " ", model.version, ", made by '", model.name,
      " completion bash'.\n", "# shellcheck shell=bash\n\n", "_echogwctl_verbs='", parts.verbs,
      "'\n\n",
      "# The values of option $2 of verb $1, into $offer or $paths; fails if it takes none.\n",
      "_echogwctl_value() {\n  case \"$1:$2\" in\n", parts.values,
      "    *) return 1 ;;\n  esac\n}\n\n", "# The options of verb $1 and those of every verb.\n",
      "_echogwctl_options() {\n  case \"$1\" in\n", parts.options, "    *) offer='' ;;\n",
      "  esac\n  offer=\"$offer ", OptionWords(model.options), "\"\n}\n\n",
      "# The values of argument $2 of verb $1.\n", "_echogwctl_argument() {\n  case \"$1:$2\" in\n",
      parts.arguments, "    *) offer='' ;;\n  esac\n}\n", kMain);
}

}  // namespace echogw::ctl
