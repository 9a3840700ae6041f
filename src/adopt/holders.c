/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <unistd.h>

#include "adopt/holders.h"
#include "process/tree.h"

static bool
matches(const struct holder *holder, const struct holder_key *key)
{
	return holder->yielded == key->yielded &&
	    (key->process == 0 || holder->process == key->process) &&
	    (key->listener == NULL || holder->listener == key->listener) &&
	    (key->asked == NULL ||
	    address_same(&holder->asked, key->asked)) &&
	    (key->other == NULL ||
	    !address_same(&holder->asked, key->other));
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
forget(struct holder *holder)
{
	struct holder **at = &holder->adoption->holders;

	while (*at != holder)
		at = &(*at)->next;
	*at = holder->next;
	if (holder->pidfd != -1) {
		events_watch(holder->adoption->events, &holder->source, -1, 0);
		close(holder->pidfd);
	}
	free(holder);
}

/* A pidfd becomes readable when its process has ended: pidfd_open(2). */
static void
handle_end(void *context, uint32_t events)
{
	struct holder *holder = context;
	struct adoption *adoption = holder->adoption;

	(void)events;
	if (holder->yielded) {
		if (holder->listener != NULL)
			holders_reclaim(adoption, holder->listener);
	} else if (!adoption_listen(adoption, holder->listener))
		adoption_close(adoption, holder->listener);
	forget(holder);
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
		forget(holder);
}

void
holders_add(struct adoption *adoption, struct listener *listener,
    struct caller *caller, int fd, const union address *asked)
{
	struct holder_key same = { .process = caller->process,
	    .listener = listener, .asked = asked };
	struct holder_key former = { .process = caller->process,
	    .listener = listener, .other = asked };
	struct holder *holder;

	if (holders_find(adoption, &same) != NULL)
		return;
	/*
	 * The process has closed the socket for the former address: otherwise
	 * it would have been given a second socket now.
	 */
	holder = holders_find(adoption, &former);
	if (holder != NULL) {
		holder->fd = fd;
		holder->asked = *asked;
		return;
	}
	add(adoption, &(struct holder){ .listener = listener,
	    .process = caller->process, .pidfd = caller_take_pidfd(caller),
	    .fd = fd, .asked = *asked });
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

/*
 * The copy that was passed at fd 3 + i counts only if a bind(2) replaced that
 * descriptor, in this process or in one that forked it.  So holder->process is
 * not compared.
 */
static bool
is_in_use(const struct adoption *adoption, const struct listener *listener,
    const struct descriptor *descriptor)
{
	const struct holder *holder;

	if (!descriptor->same)
		return false;
	if (descriptor->fd != FIRST_FD +
	    (int)(listener - adoption->listeners->list))
		return true;
	for (holder = adoption->holders; holder != NULL; holder = holder->next)
		if (holder->listener == listener && !holder->yielded &&
		    holder->fd == descriptor->fd)
			return true;
	return false;
}

bool
holders_uses(const struct adoption *adoption, const struct caller *caller,
    const struct listener *listener)
{
	struct descriptor descriptor;
	struct descriptors all;
	bool found = false;

	if (listener->fd == -1)
		return false;
	caller_begin_descriptors(caller, &all, listener->fd, listener->socket);
	while (!found && caller_next_descriptor(&all, &descriptor))
		found = is_in_use(adoption, listener, &descriptor);
	caller_end_descriptors(&all);
	return found;
}

struct search {
	const struct adoption	*adoption;
	bool			 found;
};

static void
search_one(pid_t pid, pid_t parent, void *context)
{
	struct search *search = context;
	const struct listeners *listeners = search->adoption->listeners;
	const struct caller caller = { .thread = pid, .process = pid };
	size_t i;

	(void)parent;
	for (i = 0; i < listeners->count; i++)
		if (holders_uses(search->adoption, &caller,
		    &listeners->list[i]))
			search->found = true;
}

bool
holders_any(const struct adoption *adoption)
{
	struct search search = { adoption, false };

	tree_visit(search_one, &search);
	return search.found;
}
