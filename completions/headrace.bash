# SPDX-License-Identifier: MIT
#
# Completion of headrace for bash: commands, options, and the values that are names. Needs nothing but bash.

_headrace_values() {  # what may follow the option $1; nothing where only the user knows
  case $1 in
    --model) echo iterative process prefork thread pool polling select poll epoll-level epoll-edge io_uring auto ;;
    --models) echo iterative process prefork thread pool polling select poll epoll-level epoll-edge io_uring ;;
    --compare) echo models connections sizes workers churn ;;
    --log-format) echo text json ;;
    --workers) echo auto ;;
    --idle-timeout | --linger) echo never ;;
    --format) echo text mermaid svg ;;
    --demo)
      echo handshake close time-wait lost-last-ack late-segment simultaneous-close reset backlog half-open \
        reuse-address
      ;;
    --max-connections | --max-per-address) echo none ;;
    --encoding | --peer-encoding) echo utf-8 gb2312 gbk gb18030 big5 shift_jis euc-jp euc-kr utf-16le \
      koi8-r latin1 windows-1252 ;;
    --interface) if [[ -d /sys/class/net ]]; then ls /sys/class/net; fi ;;
    --slow) echo drop-oldest disconnect ;;
    --file | --history-file) compgen -f ;;
  esac
}

_headrace_options() {  # the options of the command $1
  case $1 in
    serve)
      echo -h --help --listen --model --workers --backlog --max-connections --max-per-address --idle-timeout \
        --drain --stats --log-format --rate-limit --allow-reflect --interactive -v --verbose --history --slow \
        --max-line --outbox --history-file
      ;;
    connect)
      echo -h --help --encoding --crlf --hex --source --timeout --retry --wait --linger
      ;;
    send)
      echo -h --help --hex --file --count --interval --encoding --ttl --interface --broadcast --wait
      ;;
    receive)
      echo -h --help --broadcast --join --interface --count --timeout --buffer --kernel-buffer --encoding --hex \
        --json --raw -v --verbose
      ;;
    chat)
      echo -h --help --nick --encoding --timeout --listen --peer-encoding --linger --interface --broadcast
      ;;
    bench)
      echo -h --help -c --connections --active --size -d --duration -n --messages --in-flight --rate --churn --ramp \
        --warmup --threads --timeout --verify --pid --compare --rounds --within --models --against --html --json
      ;;
    watch) echo -h --help --once --json --interval --sequence --format --count --demo ;;
    models) echo -h --help --json ;;
    help) ;;
    *) echo -h --help --version ;;
  esac
}

_headrace_takes_value() {
  case $1 in
    --listen | --model | --workers | --backlog | --max-connections | --max-per-address | --idle-timeout | \
      --rate-limit | --drain | --stats | --log-format | -c | --connections | --active | --size | -d | --duration | \
      -n | --messages | --in-flight | --rate | --churn | --ramp | --warmup | --threads | --timeout | --pid | \
      --compare | --rounds | --within | --models | --against | --file | --count | --interval | --encoding | --ttl | \
      --interface | --join | --buffer | --kernel-buffer | --source | --retry | --wait | --linger | --format | \
      --demo | --history | --slow | --max-line | --outbox | --history-file | --nick | --peer-encoding) return 0 ;;
  esac
  return 1
}

_headrace() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} choices
  # bash splits --model=poll at the '='.
  if [[ $word == '=' ]]; then word=''; fi
  if [[ $before == '=' ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi
  if ((COMP_CWORD == 1)); then
    choices="serve connect send receive chat bench watch models help $(_headrace_options '')"
  elif [[ $before == --html ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
    return
  elif _headrace_takes_value "$before"; then
    choices=$(_headrace_values "$before")
  elif [[ $word == -* ]]; then
    choices=$(_headrace_options "$command")
  elif [[ $command == serve ]]; then
    choices="echo discard reply talk chat $(_headrace_options serve)"
  elif [[ $command == watch && $before == state ]]; then
    choices='listen syn-sent syn-received established fin-wait-1 fin-wait-2 close-wait closing last-ack time-wait'
  elif [[ $command == watch ]]; then
    choices='pid state'
  elif [[ $command == help ]]; then
    choices='serve connect send receive chat bench watch models'
  else
    choices=$(_headrace_options "$command")
  fi
  mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}

complete -F _headrace headrace
