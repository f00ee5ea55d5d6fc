# shellcheck shell=sh
# Ends what its parent leaves behind. Reads lines from the parent (`add GROUP`, `drop GROUP`, `folder PATH`, `keep PATH`); when the pipe
# closes, because the parent has ended or was killed, ends the process groups that are left and removes the folders. Plain sh: it costs
# no Node process, and cannot be taken down by what it guards against.
trap '' HUP INT TERM
groups=' '
folders='|'
while read -r verb value; do
  case $verb in
    add) groups="$groups$value " ;;
    drop) case $groups in *" $value "*) groups="${groups%% "$value" *} ${groups#* "$value" }" ;; esac ;;
    folder) folders="$folders$value|" ;;
    keep) case $folders in *"|$value|"*) folders="${folders%%|"$value"|*}|${folders#*|"$value"|}" ;; esac ;;
  esac
done
signal() { for group in $groups; do kill -s "$1" -- "-$group" 2>/dev/null; done; }
# A stopped process would not see TERM.
signal CONT
signal TERM
for _ in 1 2 3 4 5 6 7 8 9 10; do
  alive=
  for group in $groups; do kill -s 0 -- "-$group" 2>/dev/null && alive=yes; done
  [ -z "$alive" ] && break
  sleep 0.2
done
signal KILL
IFS='|'
for folder in $folders; do [ -n "$folder" ] && rm -rf -- "$folder"; done
