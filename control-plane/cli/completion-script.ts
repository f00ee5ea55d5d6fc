import type { Command } from 'commander';

interface Node {
  words: string[];
  options: string[];
}

const namesOf = (command: Command): string[] => command.options.flatMap(({ long }) => long ?? []);

/** Words and options of every command, by its path (`rollout start`). */
function nodes(root: Command): Map<string, Node> {
  const found = new Map<string, Node>(),
    globals = namesOf(root);
  const walk = (command: Command, path: string) => {
    const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
    const own = command === root ? [] : namesOf(command);
    found.set(path, {
      words: [...command.commands.map((each) => each.name()), ...choices],
      options: [...own, ...globals, '--help'],
    });
    for (const each of command.commands) walk(each as Command, `${path} ${each.name()}`.trim());
  };
  walk(root, '');
  return found;
}

const cases = (all: Map<string, Node>): string =>
  [...all]
    .map(
      ([path, { words, options }]) => `    '${path}') offered='${words.join(' ')}' options='${options.join(' ')}' ;;`,
    )
    .join('\n');

/** Both shells walk the words that were typed, as long as they name commands, and offer what that command takes. */
export function completionScript(shell: 'bash' | 'zsh', root: Command): string {
  const all = nodes(root);
  const lookup = `  case "$path" in\n${cases(all)}\n    *) offered='' options='' ;;\n  esac`;
  const known = `' ${[...all.keys()]
    .filter(Boolean)
    .map((path) => path.replaceAll(' ', '/'))
    .join(' ')} '`;
  if (shell === 'bash') {
    return `# holdfast completion for bash
_holdfast() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path='' offered options word next
  local known=${known}
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${path:+$path/}$word"
    if [[ "$known" == *" $next "* ]]; then path="$next"; fi
  done
  path="\${path//\\// }"
${lookup}
  if [[ "$current" == -* ]]; then COMPREPLY=($(compgen -W "$options" -- "$current")); else COMPREPLY=($(compgen -W "$offered" -- "$current")); fi
}
complete -o default -F _holdfast holdfast
`;
  }
  return `#compdef holdfast
_holdfast() {
  local current="\${words[CURRENT]}" path='' offered options word next known=${known}
  local -a typed=("\${(@)words[2,CURRENT-1]}")
  for word in "\${typed[@]}"; do
    next="\${path:+$path/}$word"
    if [[ "$known" == *" $next "* ]]; then path="$next"; fi
  done
  path="\${path//\\// }"
${lookup}
  if [[ "$current" == -* ]]; then compadd -- \${=options}; else compadd -- \${=offered}; fi
}
if [[ "$funcstack[1]" == _holdfast ]]; then _holdfast; else compdef _holdfast holdfast; fi
`;
}
