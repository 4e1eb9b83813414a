# shellcheck shell=bash
# Completion for bash: commands and flags come from the program's own --help, ids from the agent's list.

_pagecast_commands() {
	"$1" --help 2>/dev/null | sed -n '/^commands:/,/^$/s/^  \([a-z][a-z]*\) .*/\1/p'
}

_pagecast_flags() { # PROGRAM [COMMAND]
	"$@" --help 2>/dev/null | sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p'
}

# The words that a flag's line in --help names, as in "auto (default), splice, txring".
_pagecast_values() {
	case $1 in
	--engine) echo auto splice txring copy zerocopy uring ;;
	--layout) echo packed page-per-packet ;;
	--size) echo imix tcp-imix ipv6-imix ;;
	--layer | --size-layer) echo payload l3 l2 l2-fcs l1 ;;
	--when-full) echo wait drop ;;
	--catch-up) echo proportional burst forgive ;;
	--restart-policy) echo interrupt resume ;;
	--state) echo queued scheduled running paused succeeded failed cancelled interrupted ;;
	*) return 1 ;;
	esac
}

_pagecast() {
	local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local word command='' values skip=''
	local -a agents=()
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		if [[ $skip ]]; then
			[[ $skip == --agent ]] && agents+=(--agent "$word")
			skip=''
			continue
		fi
		case $word in
		--agent | --token-file | --ca | --cert | --key) skip=$word ;;
		-*) ;;
		*) [[ $command ]] || command=$word ;;
		esac
	done
	COMPREPLY=()
	case $previous in
	--file | --pcap | --token-file | --ca | --cert | --key)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	esac
	if values=$(_pagecast_values "$previous"); then
		mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
	elif [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_pagecast_flags "$program" ${command:+"$command"})" -- "$current")
	elif [[ ! $command ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_pagecast_commands "$program")" -- "$current")
	else
		case $command in
		submit | preview) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
		get | watch | cancel | pause | resume | rate | delete)
			values=$(timeout 2 "$program" "${agents[@]}" list 2>/dev/null | awk 'NR > 1 { print $1 }')
			mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
			;;
		esac
	fi
}
complete -F _pagecast pagecast
