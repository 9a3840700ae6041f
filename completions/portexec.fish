# SPDX-License-Identifier: ISC
# Completion of portexec(1) in fish.

# The words of the command before the cursor's, escaped, a line each.  Fails
# while that one is an option of portexec's or the value of one.
function __portexec_command
    set -l valued listen env port-file write map client handoff kill-after \
        stop-signal start-timeout
    set -l flags background inetd on-demand no-pid quiet verbose check help \
        version
    set -l words (commandline -opc)
    while set -e words[1]; and string match -q -- '-?*' "$words[1]"
        set -l word $words[1]
        if test $word = --
            set -e words[1]
            set -q words[1]; and string escape -- $words
            return 0
        else if string match -qr -- '^-[^-]' $word
            string match -qr -- '^-[bqvhV]*[lepwmcHkst]$' $word; or continue
        else
            # It may be shortened to what no other begins with.
            set -l name (string sub -s 3 -- $word)
            set -l found (string match -- "$name*" $valued $flags)
            contains -- $name $valued; and set found $name
            contains -- "$found" $valued; or continue
        end
        set -e words[1]
        set -q words[1]; or return 1
    end
    if set -q words[1]
        string escape -- $words
    else
        not string match -q -- '-*' "$(commandline -ct)"
    end
end

# The word before the cursor, without its quotes.
function __portexec_word
    string replace -ar -- '[\'"\\\\]' '' "$(commandline -ct)"
end

# And without the option whose value it is.
function __portexec_value
    string replace -r -- '^(--[a-z-]+=|-[bqvhV]*[lepwmcHkst])' '' \
        "$(__portexec_word)"
end

# Files that complete $argv[2], after $argv[1].
function __portexec_files
    set -l path (string escape -n -- $argv[2])
    # No shell expands ~ within a word.
    string match -q -- '~*' "$(commandline -ct)"
    and set path (string replace -r '^\\\\~' '~' -- $path)
    set -l files (complete -C "__fish_command_without_completions $path")
    set -q files[1]; and printf '%s\n' $argv[1]$files
end

# For a brace that is open, or else behind the whole.  Not where that brace is
# neither quoted nor escaped: fish would escape the closing one alone.
function __portexec_placeholders
    set -l before (string replace -r -- '\{[a-z]*$' '' "$argv[1]")
    string match -qr -- '^([^\'"]*[^\'"\\\\]|)\{[a-z]*$' "$(commandline -ct)"
    or printf '%s\n' $before'{'{port,addr,host,fd}'}'
end

function __portexec_inner
    set -l words (__portexec_command)
    set -l word "$(__portexec_word)"
    if set -q words[1]; and string match -qr -- '\{[a-z]*$' $word
        __portexec_placeholders $word
    else
        complete -C (string join ' ' -- $words "$(commandline -ct)")
    end
end

function __portexec_file
    __portexec_files '' "$(__portexec_value)"
end

function __portexec_env
    set -l value (__portexec_value)
    if string match -q -- '*=*' $value
        __portexec_placeholders $value
    else
        printf '%s=\n' PORT (set -nx)
    end
end

function __portexec_write
    set -l value (__portexec_value)
    set -l parts (string split -m 1 = -- $value)
    if string match -q -- '@*' "$parts[2]"
        __portexec_files $parts[1]=@ (string sub -s 2 -- $parts[2])
    else if set -q parts[2]
        __portexec_placeholders $value
    else
        __portexec_files '' $value | string replace -r '[^/]$' '$0='
    end
end

function __portexec_script
    set -l value "$(__portexec_value)"
    if string match -qr -- '\{[a-z]*$' $value
        __portexec_placeholders $value
    else
        complete -C $value
    end
end

function __portexec_signals
    set -l names (kill -l | string match -ra '[A-Z]+[12]?' |
        string replace -r '^SIG' '' | string match -rv '^(RT|STKFLT)')
    string match -q -- 'SI*' (__portexec_value); and set names SIG$names
    printf '%s\n' $names
end

# [NAME=][TYPE:]ADDRESS[,OPTION[=VALUE]]...
function __portexec_spec
    set -l spec '^([^.@~:=/,][^:=/,]*=|)((?:tcp|udp|tcp\+udp|unix\w*):|)(.*)'
    set -l parts (string match -r -- $spec "$(__portexec_value)")
    set -l before $parts[2]$parts[3]
    set -l unix (string match -r -- '^(unix.*:|[./~@])' $parts[3]$parts[4])
    switch $parts[4]
        case '@*' 'fd:*'
        case '*,*'
            set -l options \
                backlog=\t"length of the queue (default: the kernel's limit)" \
                nonblock\t'set O_NONBLOCK' rcvbuf=\t'SO_RCVBUF in bytes' \
                sndbuf=\t'SO_SNDBUF in bytes'
            if set -q unix[1]
                set -a options \
                    mode=\t'permissions of a unix path (default: 0600)'
            else
                set -a options reuseport\t'set SO_REUSEPORT' \
                    v6only\t'IPv6 only'
            end
            printf '%s\n' \
                $before(string replace -r -- '[^,]*$' '' $parts[4])$options
        case '*'
            if set -q unix[1]
                __portexec_files "$before" $parts[4]
                return
            end
            set -l types tcp: udp: tcp+udp: unix: unixgram: unixpacket: fd:
            test -n "$parts[3]"; and set -e types
            printf '%s\n' $before$types \
                $before{0,localhost:,127.0.0.1:,'*:','[::1]:'}
    end
end

complete -c portexec -f
complete -c portexec -n '__portexec_command >/dev/null' -xa '(__portexec_inner)'
function __portexec_option
    complete -c portexec -n 'not __portexec_command >/dev/null' $argv
end
__portexec_option -s l -l listen -xa '(__portexec_spec)' \
    -d 'a socket to listen on (default 0, any port); repeatable'
__portexec_option -s e -l env -xa '(__portexec_env)' \
    -d 'set NAME for service and client (default <port>); repeatable'
__portexec_option -s p -l port-file -xa '(__portexec_file)' \
    -d 'write the port to FILE before the service starts'
__portexec_option -s w -l write -xa '(__portexec_write)' \
    -d 'write TEMPLATE, or with @IN the file IN, to FILE; repeatable'
__portexec_option -s m -l map -xa any \
    -d 'a bind or connect of PORT (or any) gets SOCKET; repeatable'
__portexec_option -s c -l client -xa '(__portexec_script)' \
    -d 'run SCRIPT with sh -c against the service, then stop that'
__portexec_option -s H -l handoff -xa "inherit\t'at file descriptor 3'
    adopt\t'when it binds its port' reserve\t'it binds what is kept free'" \
    -d 'how the service gets its socket: inherit, adopt or reserve'
__portexec_option -s k -l kill-after -x \
    -d 'from the stop signal to KILL (default 5)'
__portexec_option -s s -l stop-signal -xa '(__portexec_signals)' \
    -d 'the signal that stops the service (default TERM)'
__portexec_option -s t -l start-timeout -x \
    -d 'give up where clients wait so long in vain (-c: 900; 0: never)'
__portexec_option -s b -l background \
    -d 'print the port and the pid, and end, when COMMAND is executed'
__portexec_option -l inetd \
    -d 'pass the socket as fds 0 and 1, without LISTEN_ variables'
__portexec_option -l on-demand \
    -d 'execute COMMAND at the first connection or datagram'
__portexec_option -l no-pid \
    -d 'leave out LISTEN_PID and LISTEN_PIDFDID'
__portexec_option -s q -l quiet \
    -d 'say nothing but errors'
__portexec_option -s v -l verbose \
    -d 'say everything that happens, and when'
__portexec_option -l check \
    -d 'say which handoffs work here, and what is in the way'
__portexec_option -s h -l help \
    -d 'show this help'
__portexec_option -s V -l version \
    -d 'show the version'
functions -e __portexec_option
