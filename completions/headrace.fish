# SPDX-License-Identifier: MIT
#
# Completion of headrace for fish.

complete -c headrace -f

complete -c headrace -n __fish_use_subcommand -a serve -d 'Run a service under any I/O model'
complete -c headrace -n __fish_use_subcommand -a bench -d 'Load a server and measure it'
complete -c headrace -n __fish_use_subcommand -a watch -d 'See what TCP does on this machine'
complete -c headrace -n __fish_use_subcommand -a models -d 'List the I/O models and what this machine can run'
complete -c headrace -n __fish_use_subcommand -a help -d 'Options and examples of a command'
complete -c headrace -s h -l help -d 'Show the options'
complete -c headrace -n __fish_use_subcommand -l version -d 'Show the version'
complete -c headrace -n '__fish_seen_subcommand_from help' -a 'serve bench watch models'

set -l serve -n '__fish_seen_subcommand_from serve'
complete -c headrace $serve -a echo -d 'Send back what is received'
complete -c headrace $serve -a discard -d 'Throw away what is received'
complete -c headrace $serve -a reply -d 'Answer once, and close'
complete -c headrace $serve -a talk -d 'You answer, one client after another'
complete -c headrace $serve -x -l listen -d 'Where; may be repeated'
complete -c headrace $serve -x -l model -d 'How connections are served' \
    -a 'iterative process prefork thread pool polling select poll epoll-level epoll-edge io_uring'
complete -c headrace $serve -x -l workers -d 'Loops, children or threads' -a auto
complete -c headrace $serve -x -l backlog -d 'Connections that may wait to be accepted'
complete -c headrace $serve -x -l max-connections -d 'At once' -a none
complete -c headrace $serve -x -l max-per-address -d 'From one address' -a none
complete -c headrace $serve -x -l idle-timeout -d 'No byte moves for so long' -a never
complete -c headrace $serve -x -l drain -d 'For connections to end after SIGTERM'
complete -c headrace $serve -x -l stats -d 'A line of counts so often'
complete -c headrace $serve -x -l log-format -d 'Of the log on stderr' -a 'text json'
complete -c headrace $serve -l interactive -d 'Take commands on standard input'
complete -c headrace $serve -s v -l verbose -d 'Log each arrival, message and departure'

set -l bench -n '__fish_seen_subcommand_from bench'
complete -c headrace $bench -x -s c -l connections -d 'Connections, all open at once'
complete -c headrace $bench -x -l size -d 'Bytes in a message'
complete -c headrace $bench -x -s d -l duration -d 'How long'
complete -c headrace $bench -x -s n -l messages -d 'Stop when so many are answered'
complete -c headrace $bench -x -l in-flight -d 'Messages under way on each connection'
complete -c headrace $bench -x -l timeout -d 'To connect, and for an answer'
complete -c headrace $bench -l verify -d 'Look at every byte that comes back'
complete -c headrace $bench -l json -d 'The report as JSON'

set -l watch -n '__fish_seen_subcommand_from watch'
complete -c headrace $watch -a 'pid state' -d 'Filter'
complete -c headrace -n '__fish_seen_subcommand_from watch; and __fish_seen_subcommand_from state' \
    -a 'listen syn-sent syn-received established fin-wait-1 fin-wait-2 close-wait closing last-ack time-wait'
complete -c headrace $watch -l once -d 'Print what is there now, and end'
complete -c headrace $watch -l json -d 'An object a line for each socket or event'
complete -c headrace $watch -x -l interval -d 'Between two looks'
complete -c headrace $watch -l sequence -d 'Draw each connection as a ladder of its segments'
complete -c headrace $watch -x -l format -d 'Of --sequence' -a 'text mermaid svg'
complete -c headrace $watch -x -l count -d 'Of --sequence: end after so many connections'
complete -c headrace $watch -x -l demo -d 'Make such connections, and explain' \
    -a 'handshake close time-wait lost-last-ack late-segment simultaneous-close reset backlog half-open reuse-address'

complete -c headrace -n '__fish_seen_subcommand_from models' -l json -d 'As JSON'
