# SPDX-License-Identifier: MIT
#
# Completion of headrace for fish.

complete -c headrace -f

complete -c headrace -n __fish_use_subcommand -a serve -d 'Run a service under any I/O model'
complete -c headrace -n __fish_use_subcommand -a connect -d 'Interactive or piped client'
complete -c headrace -n __fish_use_subcommand -a send -d 'Datagrams out'
complete -c headrace -n __fish_use_subcommand -a receive -d 'Datagrams in'
complete -c headrace -n __fish_use_subcommand -a chat -d 'Terminal chat'
complete -c headrace -n __fish_use_subcommand -a bench -d 'Load a server and measure it'
complete -c headrace -n __fish_use_subcommand -a watch -d 'See what TCP does on this machine'
complete -c headrace -n __fish_use_subcommand -a models -d 'List the I/O models and what this machine can run'
complete -c headrace -n __fish_use_subcommand -a help -d 'Options and examples of a command'
complete -c headrace -s h -l help -d 'Show the options'
complete -c headrace -n __fish_use_subcommand -l version -d 'Show the version'
complete -c headrace -n '__fish_seen_subcommand_from help' -a 'serve connect send receive chat bench watch models'

set -l serve -n '__fish_seen_subcommand_from serve'
complete -c headrace $serve -a echo -d 'Send back what is received'
complete -c headrace $serve -a discard -d 'Throw away what is received'
complete -c headrace $serve -a reply -d 'Answer once, and close'
complete -c headrace $serve -a talk -d 'You answer, one client after another'
complete -c headrace $serve -a chat -d 'Rooms of people with nc, or headrace chat'
complete -c headrace $serve -x -l listen -d 'Where; may be repeated'
complete -c headrace $serve -x -l model -d 'How connections are served' \
    -a 'iterative process prefork thread pool polling select poll epoll-level epoll-edge io_uring auto'
complete -c headrace $serve -x -l workers -d 'Loops, children or threads' -a auto
complete -c headrace $serve -x -l backlog -d 'Connections that may wait to be accepted'
complete -c headrace $serve -x -l max-connections -d 'At once' -a none
complete -c headrace $serve -x -l max-per-address -d 'From one address' -a none
complete -c headrace $serve -x -l idle-timeout -d 'No byte moves for so long' -a never
complete -c headrace $serve -x -l drain -d 'For connections to end after SIGTERM'
complete -c headrace $serve -x -l stats -d 'A line of counts so often'
complete -c headrace $serve -x -l log-format -d 'Of the log on stderr' -a 'text json'
complete -c headrace $serve -x -l rate-limit -d 'A second: datagrams answered to a host, lines of a member'
complete -c headrace $serve -l allow-reflect -d 'Answer ports below 1024, itself, other echo servers'
complete -c headrace $serve -l interactive -d 'Take commands on standard input'
complete -c headrace $serve -s v -l verbose -d 'Log each arrival, message and departure'
complete -c headrace $serve -x -l history -d 'chat: lines of a room that who joins gets'
complete -c headrace $serve -x -l slow -d 'chat: who does not read' -a 'drop-oldest disconnect'
complete -c headrace $serve -x -l max-line -d 'chat: a longer line is refused'
complete -c headrace $serve -x -l outbox -d 'chat: lines a room keeps for who is behind'
complete -c headrace $serve -r -F -l history-file -d 'chat: keeps what was said'

set -l encodings 'utf-8 gb2312 gbk gb18030 big5 shift_jis euc-jp euc-kr utf-16le koi8-r latin1 windows-1252'

set -l connect -n '__fish_seen_subcommand_from connect'
complete -c headrace $connect -x -l encoding -d 'What the peer speaks' -a $encodings
complete -c headrace $connect -l crlf -d 'Lines that are sent end in CR LF'
complete -c headrace $connect -l hex -d 'Bytes as hexadecimal digits, both ways'
complete -c headrace $connect -x -l source -d 'The local address'
complete -c headrace $connect -x -l timeout -d 'To connect, names included' -a never
complete -c headrace $connect -x -l retry -d 'Try so often again'
complete -c headrace $connect -x -l wait -d 'Datagrams: for answers after the end of input'
complete -c headrace $connect -x -l linger -d 'Silence after the end of input that ends it' -a never

set -l chat -n '__fish_seen_subcommand_from chat; and not __fish_seen_subcommand_from serve'
complete -c headrace $chat -x -l nick -d 'Your nick'
complete -c headrace $chat -x -l encoding -d 'What the others speak' -a $encodings
complete -c headrace $chat -x -l timeout -d 'To connect, names included'
complete -c headrace $chat -x -l listen -d 'udp: where the other can reach you'
complete -c headrace $chat -x -l peer-encoding -d 'udp: what the other writes in' -a $encodings
complete -c headrace $chat -x -l linger -d 'udp: of silence, after the end of input' -a never
complete -c headrace $chat -x -l interface -d 'udp: of a room' -a '(__fish_print_interfaces)'
complete -c headrace $chat -l broadcast -d 'udp: a room at a broadcast address'

set -l send -n '__fish_seen_subcommand_from send'
complete -c headrace $send -l hex -d 'The content is hexadecimal digits'
complete -c headrace $send -r -F -l file -d 'One datagram: what the file has'
complete -c headrace $send -x -l count -d 'So many, numbered'
complete -c headrace $send -x -l interval -d 'Between two datagrams'
complete -c headrace $send -x -l encoding -d 'Of what is sent' -a $encodings
complete -c headrace $send -x -l ttl -d 'Routers it may pass'
complete -c headrace $send -x -l interface -d 'By which groups and broadcasts go out' -a '(__fish_print_interfaces)'
complete -c headrace $send -l broadcast -d 'The address may be the broadcast address of a network'
complete -c headrace $send -l wait -d 'Print replies'

set -l receive -n '__fish_seen_subcommand_from receive'
complete -c headrace $receive -l broadcast -d 'Hear broadcasts'
complete -c headrace $receive -x -l join -d 'A multicast group'
complete -c headrace $receive -x -l interface -d 'Where groups are joined' -a '(__fish_print_interfaces)'
complete -c headrace $receive -x -l count -d 'End after so many'
complete -c headrace $receive -x -l timeout -d 'End when nothing has come for so long'
complete -c headrace $receive -x -l buffer -d 'Take so many bytes of each'
complete -c headrace $receive -x -l kernel-buffer -d 'What the kernel may queue'
complete -c headrace $receive -x -l encoding -d 'Of the content' -a $encodings
complete -c headrace $receive -l hex -d 'A dump'
complete -c headrace $receive -l json -d 'A JSON object for each'
complete -c headrace $receive -l raw -d 'The content and nothing else'
complete -c headrace $receive -s v -l verbose -d 'Content raw and decoded; each remark at once'

set -l bench -n '__fish_seen_subcommand_from bench'
complete -c headrace $bench -x -s c -l connections -d 'Connections, all open at once'
complete -c headrace $bench -x -l active -d 'Of them, those that send'
complete -c headrace $bench -x -l size -d 'Bytes in a message'
complete -c headrace $bench -x -s d -l duration -d 'How long'
complete -c headrace $bench -x -s n -l messages -d 'Stop when so many are answered'
complete -c headrace $bench -x -l in-flight -d 'Messages under way on each connection'
complete -c headrace $bench -x -l rate -d 'Messages a second, sent when due'
complete -c headrace $bench -x -l churn -d 'Close a connection after so many messages'
complete -c headrace $bench -x -l ramp -d 'Open the connections over so long'
complete -c headrace $bench -x -l warmup -d 'Traffic that is not counted'
complete -c headrace $bench -x -l threads -d 'Of the load'
complete -c headrace $bench -x -l timeout -d 'To connect, and for an answer'
complete -c headrace $bench -l verify -d 'Look at every byte that comes back'
complete -c headrace $bench -x -l pid -d 'Process of the server' -a '(__fish_complete_pids)'
complete -c headrace $bench -f -l compare -d 'Start and compare servers' -a 'models connections sizes workers churn'
complete -c headrace $bench -x -l rounds -d 'Measurements of each'
complete -c headrace $bench -x -l within -d 'What a comparison may take in all'
complete -c headrace $bench -x -l models -d 'Which models to compare' \
    -a 'iterative process prefork thread pool polling select poll epoll-level epoll-edge io_uring'
complete -c headrace $bench -x -l against -d 'NAME=CMD: a server to compare with'
complete -c headrace $bench -r -F -l html -d 'Write the report as a page'
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
