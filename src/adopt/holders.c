/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <unistd.h>

#include "adopt/holders.h"
#include "adopt/waiting.h"
#include "process/procfs.h"
#include "process/tree.h"

static bool
matches(const struct holder *holder, const struct holder_key *key)
{
	return holder->yielded == key->yielded &&
	    (key->process == 0 || holder->process == key->process) &&
	    (key->listener == NULL || holder->listener == key->listener) &&
	    (key->socket == 0 || holder->socket == key->socket) &&
	    (key->asked == NULL ||
	    address_same(&holder->asked.address, key->asked));
}

struct holder *
holders_find(const struct adoption *adoption, const struct holder_key *key)
{
	struct holder *holder;

	for (holder = adoption->holders; holder != NULL; holder = holder->next)
		if (matches(holder, key))
			return holder;
	return NULL;
}

static void
let_process_go(struct holder *holder)
{
	if (holder->pidfd != -1) {
		events_watch(holder->adoption->events, &holder->source, -1, 0);
		close(holder->pidfd);
	}
	holder->pidfd = -1;
	holder->process = 0;
}

void
holders_forget(struct holder *holder)
{
	struct holder **at = &holder->adoption->holders;

	while (*at != holder)
		at = &(*at)->next;
	*at = holder->next;
	let_process_go(holder);
	free(holder);
}

static bool
is_own_socket(const struct holder *holder)
{
	return adoption_is_socket(holder->listener, holder->socket);
}

/* Whether another holder stands for the same, too. */
static bool
is_repeated(const struct holder *holder)
{
	const struct holder *other = holder->adoption->holders;

	while (other != NULL && (other == holder || other->yielded ||
	    other->socket != holder->socket ||
	    !address_same(&other->asked.address, &holder->asked.address)))
		other = other->next;
	return other != NULL;
}

/*
 * A pidfd becomes readable when its process has ended: pidfd_open(2).  A
 * descendant may have the socket open still.
 */
static void
handle_end(void *context, uint32_t events)
{
	struct holder *holder = context;
	struct adoption *adoption = holder->adoption;
	const struct listener *listener;

	(void)events;
	let_process_go(holder);
	if (holder->yielded) {
		if (holder->listener != NULL)
			holders_reclaim(adoption, holder->listener);
		holders_forget(holder);
		return;
	}
	if (is_own_socket(holder) &&
	    !adoption_listen(adoption, holder->listener))
		adoption_close(adoption, holder->listener);
	if (!is_repeated(holder) && holders_who_holds(holder) != 0)
		return;
	listener = holder->listener;
	holders_forget(holder);
	if (holders_find(adoption, &(struct holder_key){
	    .listener = listener }) == NULL)
		waiting_begin_anew(adoption, listener);
}

static void
add(struct adoption *adoption, const struct holder *wanted)
{
	struct holder *holder = malloc(sizeof(*holder));

	if (holder == NULL) {
		if (wanted->pidfd != -1)
			close(wanted->pidfd);
		return;
	}
	*holder = *wanted;
	holder->adoption = adoption;
	holder->next = adoption->holders;
	holder->source = (struct event_source){ .handle = handle_end,
	    .context = holder, .fd = -1 };
	adoption->holders = holder;
	if (events_watch(adoption->events, &holder->source, holder->pidfd,
	    EPOLLIN) == -1)
		holders_forget(holder);
}

void
holders_add(struct adoption *adoption, struct listener *listener, ino_t socket,
    struct caller *caller, int fd, const struct request *asked)
{
	struct holder *holder = holders_find(adoption, &(struct holder_key){
	    .process = caller->process, .listener = listener,
	    .socket = socket, .asked = &asked->address });

	if (holder != NULL) {
		holder->fd = fd;
		holder->asked = *asked;
		return;
	}
	add(adoption, &(struct holder){ .listener = listener,
	    .socket = socket, .process = caller->process,
	    .pidfd = caller_take_pidfd(caller), .fd = fd, .asked = *asked });
}

struct search {
	const struct holder	*holder;
	pid_t			 found;
};

/* Whether the process was given the socket, or may have got it by fork(2). */
static bool
may_inherit(const struct holder *holder, pid_t process)
{
	return holder->process != 0 && (process == holder->process ||
	    tree_is_below(process, holder->process));
}

/*
 * The copy that was passed at fd 3 + i counts only if a bind(2) replaced that
 * descriptor.
 */
static bool
counts(const struct holder *holder, pid_t process,
    const struct descriptor *descriptor)
{
	const struct adoption *adoption = holder->adoption;
	int passed = !adoption->passes ? -1 : FIRST_FD +
	    (int)(holder->listener - adoption->listeners->list);

	return descriptor->same && (descriptor->fd != passed ||
	    (descriptor->fd == holder->fd && may_inherit(holder, process)));
}

static bool
has_open(const struct holder *holder, pid_t process)
{
	const struct caller caller = { .thread = process, .process = process };
	struct descriptor descriptor;
	struct descriptors all;
	bool found;

	caller_begin_descriptors(&caller, &all, is_own_socket(holder) ?
	    holder->listener->fd : -1, holder->socket);
	/* Only root may see that a zombie has no descriptors any more. */
	found = all.hidden && may_inherit(holder, process) &&
	    !procfs_exits(process);
	while (!found && caller_next_descriptor(&all, &descriptor))
		found = counts(holder, process, &descriptor);
	caller_end_descriptors(&all);
	return found;
}

static void
search_one(pid_t pid, pid_t parent, void *context)
{
	struct search *search = context;

	(void)parent;
	if (search->found == 0 && has_open(search->holder, pid))
		search->found = pid;
}

pid_t
holders_who_holds(const struct holder *holder)
{
	struct search search = { .holder = holder };

	if (holder->listener->fd == -1)
		return 0;
	if (holder->process != 0 && has_open(holder, holder->process))
		return holder->process;
	tree_visit(search_one, &search);
	return search.found;
}

bool
holders_is_held(struct adoption *adoption, const struct listener *listener)
{
	struct holder_key key = { .listener = listener,
	    .socket = listener->socket };
	struct holder *holder;

	while ((holder = holders_find(adoption, &key)) != NULL) {
		if (holders_who_holds(holder) != 0)
			return true;
		holders_forget(holder);
	}
	return false;
}

void
holders_release(struct adoption *adoption, const struct listener *listener)
{
	struct holder_key key = { .listener = listener,
	    .socket = listener->socket };
	struct holder *holder;

	while ((holder = holders_find(adoption, &key)) != NULL)
		holders_forget(holder);
}

bool
holders_have_port(const struct adoption *adoption, int type, unsigned port)
{
	const struct holder *holder;

	for (holder = adoption->holders; holder != NULL; holder = holder->next)
		if (!holder->yielded && holder->listener != NULL &&
		    holder->listener->type == type &&
		    holder->listener->port == port &&
		    holders_who_holds(holder) != 0)
			return true;
	return false;
}

bool
holders_any(struct adoption *adoption)
{
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++)
		if (holders_is_held(adoption, &adoption->listeners->list[i]))
			return true;
	return false;
}

bool
holders_yield(struct adoption *adoption, struct listener *listener,
    struct caller *caller)
{
	struct holder_key key = { .listener = listener, .yielded = true };
	bool listened = holders_find(adoption, &key) == NULL;

	key.process = caller->process;
	if (holders_find(adoption, &key) == NULL)
		add(adoption, &(struct holder){ .listener = listener,
		    .process = caller->process,
		    .pidfd = caller_take_pidfd(caller), .yielded = true });
	if (!listened || holders_find(adoption, &key) == NULL)
		return false;
	shutdown(listener->fd, SHUT_RDWR);
	adoption->look_at = 0;
	return true;
}

bool
holders_is_yielded(const struct adoption *adoption,
    const struct listener *listener)
{
	return holders_find(adoption, &(struct holder_key){
	    .listener = listener, .yielded = true }) != NULL;
}

bool
holders_reclaim(struct adoption *adoption, struct listener *listener)
{
	struct holder_key key = { .listener = listener, .yielded = true };
	struct holder *holder;

	if (!adoption_listen(adoption, listener))
		return false;
	adoption->look_at = 0;
	/* handle_end() frees the entry when the process ends. */
	while ((holder = holders_find(adoption, &key)) != NULL)
		holder->listener = NULL;
	return true;
}
