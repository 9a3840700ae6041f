# SPDX-License-Identifier: ISC
# Completion of portexec(1) in bash, with bash-completion or without it.
# Once it is loaded, `complete -F _portexec p` is for an alias p.

# LONG=SHORT; those in the second line take no value.
_portexec_options='listen=l env=e port-file=p write=w map=m client=c handoff=H
	kill-after=k stop-signal=s start-timeout=t
	background=b inetd= on-demand= no-pid= quiet=q verbose=v check= help=h
	version=V'
_portexec_valued=lepwmcHkst

# $cur is the word before the cursor, without its quotes and backslashes.
# readline replaces what is behind $keep in it: COMP_WORDBREAKS has = and :.

# Offers words, BEFORE in front of each.
_portexec_offer() {	# BEFORE WORD...
	local before=$1 word

	shift
	for word; do
		[[ $before$word == "$cur"* ]] || continue
		word=$before$word
		COMPREPLY+=("${word#"$keep"}")
	done
}

_portexec_offer_files() {	# BEFORE
	local name names

	# No shell expands ~ within a word.
	[[ -z $1 || ${cur#"$1"} != \~* ]] || return
	compopt -o filenames
	mapfile -t names < <(compgen -f -- "${cur#"$1"}")
	for name in "${names[@]}"; do
		[[ -d ${name/#~\//$HOME/} ]] && name+=/
		name=$1$name
		COMPREPLY+=("${name#"$keep"}")
	done
}

# For a brace that is open, or else behind the whole.
_portexec_offer_placeholders() {
	local before=$cur

	[[ ! $cur =~ \{[a-z]*$ ]] || before=${cur%\{*}
	_portexec_offer "$before" '{port}' '{addr}' '{host}' '{fd}'
}

_portexec_offer_spec() {	# BEFORE
	local before=$1 rest=${cur#"$1"} option options

	if [[ $rest =~ ^[^.@~:=/,][^:=/,]*= ]]; then
		before+=${BASH_REMATCH[0]}
		rest=${cur#"$before"}
	fi
	case $rest in
	fd:*)	;;
	*,*)
		options='backlog= nonblock rcvbuf= sndbuf='
		case $rest in
		[./~@]* | unix*)	options+=' mode=' ;;
		*)			options+=' reuseport v6only' ;;
		esac
		for option in $options; do
			_portexec_offer "${cur%,*}," "$option"
		done
		;;
	@* | unix*:@*)	;;
	[./~]*)	_portexec_offer_files "$before" ;;
	unix*:*)	_portexec_offer_files "$before${rest%%:*}:" ;;
	tcp:* | udp:* | tcp+udp:*)
		_portexec_offer "$before${rest%%:*}:" 0 localhost: 127.0.0.1: \
		    '*:' '[::1]:'
		;;
	*)
		_portexec_offer "$before" 0 localhost: 127.0.0.1: '*:' \
		    '[::1]:' tcp: udp: tcp+udp: unix: unixgram: unixpacket: fd:
		;;
	esac
}

# Offers what the option -LETTER takes; BEFORE is what is before the value in
# the word.
_portexec_offer_value() {	# LETTER BEFORE
	local value=${cur#"$2"} name names

	case $1 in
	l)	_portexec_offer_spec "$2" ;;
	e | w)
		if [[ $value == *=@* && $1 == w ]]; then
			_portexec_offer_files "$2${value%%=*}=@"
		elif [[ $value == *=* ]]; then
			_portexec_offer_placeholders
		elif [[ $1 == e ]]; then
			mapfile -t names < <(compgen -e -S =)
			_portexec_offer "$2" PORT= "${names[@]}"
		else
			compopt -o nospace
			_portexec_offer_files "$2"
		fi
		;;
	p)	_portexec_offer_files "$2" ;;
	m)	_portexec_offer "$2" any ;;
	c)
		if [[ $value =~ \{[a-z]*$ ]]; then
			_portexec_offer_placeholders
		else
			mapfile -t names < <(compgen -c -- "$value")
			names=("${names[@]/#/"$2"}")
			COMPREPLY=("${names[@]#"$keep"}")
		fi
		;;
	H)	_portexec_offer "$2" inherit adopt reserve ;;
	s)
		for name in $(compgen -A signal SIG); do
			[[ $name == SIG@(RT*|STKFLT|JUNK*) ]] && continue
			[[ $value == SI* ]] || name=${name#SIG}
			_portexec_offer "$2" "$name"
		done
		;;
	esac
}

# Sets letter to that of the option with a value in the word, if there is one,
# and before to what is before the value where the word has that, too.
_portexec_parse() {	# WORD
	local name row found=0 rest=${1#-}

	letter='' before=''
	if [[ $1 != --* ]]; then
		rest=${rest#"${rest%%["$_portexec_valued"]*}"}
		letter=${rest:0:1}
		[[ $rest != ?* ]] || before=${1%"${rest#?}"}
		[[ $before != "$1" ]] || before=''
		return
	fi
	name=${1#--}
	name=${name%%=*}
	for row in $_portexec_options; do
		[[ $row == "$name"* ]] || continue
		((++found))
		letter=${row#*=}
		if [[ $row == "$name="* ]]; then
			found=1
			break
		fi
	done
	[[ $found == 1 && $letter == [$_portexec_valued] ]] || letter=''
	[[ $1 != *=* ]] || before=${1%%=*}=
}

_portexec_offer_options() {
	local row

	for row in $_portexec_options; do
		if [[ $row == *=[$_portexec_valued] ]]; then
			_portexec_offer -- "${row%?}"
		else
			_portexec_offer -- "${row%=*}"
		fi
		[[ $row == *= ]] || _portexec_offer - "${row#*=}"
	done
}

# By the rules of the command that begins at COMP_WORDS[INDEX].
_portexec_offer_inner() {	# INDEX
	if declare -F _comp_command_offset >/dev/null; then
		_comp_command_offset "$1"
	elif declare -F _command_offset >/dev/null; then
		_command_offset "$1"
	elif (($1 == COMP_CWORD)); then
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -c -- "$cur")
	else
		compopt -o bashdefault -o default
	fi
}

# Sets words, as the shell has them, to that of the cursor and up to it, and
# starts to the indices in COMP_WORDS with which they begin.
_portexec_split() {
	local i word rest=$COMP_LINE

	for ((i = 0; i <= COMP_CWORD; i++)); do
		if [[ $i == 0 || $rest == [[:blank:]]* ]]; then
			words+=('')
			starts+=("$i")
		fi
		rest=${rest#"${rest%%[![:blank:]]*}"}
		word=${COMP_WORDS[i]}
		((i < COMP_CWORD)) ||
			word=${word:0:COMP_POINT + ${#rest} - ${#COMP_LINE}}
		words[-1]+=$word
		rest=${rest#"$word"}
	done
}

_portexec() {
	local cur keep letter='' before='' i count words=() starts=()
	local redirection='^[0-9&]*[<>][<>&|]*'

	COMPREPLY=()
	_portexec_split
	count=$((${#words[@]} - 1))
	cur=${words[count]}
	if [[ $cur =~ $redirection || $cur == *\$* ||
	    ${words[count - 1]} =~ $redirection$ ]]; then
		compopt -o bashdefault -o default
		return
	fi
	cur=${cur//[\'\"\\]/}
	keep=${cur%"${2//[\'\"\\]/}"}
	for ((i = 1; i < count; i++)); do
		if [[ ${words[i]} =~ $redirection ]]; then
			[[ ${words[i]} =~ $redirection$ ]] && ((i++))
			continue
		fi
		[[ ${words[i]} == -?* ]] || break
		if [[ ${words[i]} == -- ]]; then
			((i++))
			break
		fi
		_portexec_parse "${words[i]}"
		[[ -z $letter || -n $before ]] || ((++i))
	done
	if ((i > count)); then
		_portexec_offer_value "$letter" ''
	elif ((i < count)); then
		if [[ ! $cur =~ \{[a-z]*$ ]]; then
			_portexec_offer_inner "${starts[i]}"
			return
		fi
		_portexec_offer_placeholders
	elif [[ $cur == -* && ${words[i - 1]} != -- ]]; then
		_portexec_parse "$cur"
		if [[ -n $letter && -n $before ]]; then
			_portexec_offer_value "$letter" "$before"
		else
			_portexec_offer_options
		fi
	else
		_portexec_offer_inner "${starts[i]}"
		return
	fi
	[[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *[=:,/@] ]] ||
		compopt -o nospace
}

complete -F _portexec portexec
