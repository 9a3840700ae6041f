/* SPDX-License-Identifier: ISC */
/* sock_row_parse(): the rows of the kernel's tables, as proc(5) has them. */

#include <netinet/tcp.h>

#include <stdlib.h>

#include "socket/sock_table.h"
#include "unit.h"

#define NONE	"00000000000000000000000000000000"
#define END	" 00000000:00000000 00:00000000 00000000  1000        0 "

/* An address is written as the 32-bit words that it has in memory. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOOPBACK	"0100007F"
#define LOOPBACK6	"00000000000000000000000001000000"
#define MAPPED		"0000000000000000FFFF00000100007F"
#else
#define LOOPBACK	"7F000001"
#define LOOPBACK6	"00000000000000000000000000000001"
#define MAPPED		"00000000000000000000FFFF7F000001"
#endif

static const struct {
	const char	*line;
	int		 family;
	unsigned	 state;
	const char	*local, *remote;
	ino_t		 inode;
	const char	*path;
} rows[] = {
	{ "   0: " LOOPBACK ":1F90 00000000:0000 0A" END "1603 1 0 100 0 0 10",
	    AF_INET, TCP_LISTEN, "127.0.0.1:8080", "0.0.0.0:0", 1603, "" },
	{ " 123: " LOOPBACK ":FFFF " LOOPBACK ":0050 01" END "0 1 0 20 4 30",
	    AF_INET, TCP_ESTABLISHED, "127.0.0.1:65535", "127.0.0.1:80", 0,
	    "" },
	{ "   1: " LOOPBACK6 ":1F90 " NONE ":0000 0A" END "42 1 0 100 0 0 10 0",
	    AF_INET6, TCP_LISTEN, "[::1]:8080", "[::]:0", 42, "" },
	{ "   1: " MAPPED ":1F90 " MAPPED ":0001 08" END "42 1 0 20 0 0 10 0",
	    AF_INET6, TCP_CLOSE_WAIT, "[::ffff:127.0.0.1]:8080",
	    "[::ffff:127.0.0.1]:1", 42, "" },
	{ "000000000ad31206: 00000002 00000000 00010000 0001 01 17 /run/a b",
	    AF_UNIX, 1, NULL, NULL, 17, "/run/a b" },
	{ "0000000000000000: 00000002 00000000 00000000 0001 02     0 @x",
	    AF_UNIX, SOCK_ROW_QUEUED, NULL, NULL, 0, "@x" },
	{ "0000000000000000: 00000003 00000000 00000000 0005 03 232605489",
	    AF_UNIX, SOCK_ROW_ACCEPTED, NULL, NULL, 232605489, "" },
};

START_TEST(reads_a_row)
{
	struct sock_row row;
	char text[ADDR_MAX];

	ck_assert(sock_row_parse(rows[_i].line, rows[_i].family, &row));
	ck_assert_uint_eq(row.state, rows[_i].state);
	ck_assert_uint_eq(row.inode, rows[_i].inode);
	ck_assert_str_eq(row.path, rows[_i].path);
	if (rows[_i].local == NULL)
		return;
	address_format(&row.local, sizeof(row.local), text);
	ck_assert_str_eq(text, rows[_i].local);
	address_format(&row.remote, sizeof(row.remote), text);
	ck_assert_str_eq(text, rows[_i].remote);
}
END_TEST

static const struct {
	const char	*line;
	int		 family;
} others[] = {
	{ "", AF_INET },
	{ "", AF_UNIX },
	{ "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
	    "retrnsmt   uid  timeout inode", AF_INET },
	{ "Num       RefCount Protocol Flags    Type St Inode Path", AF_UNIX },
	{ "   0: " LOOPBACK ":1F90 00000000:0000 0A" END, AF_INET },
	{ "   0: 7F0001:1F90 00000000:0000 0A" END "1 1", AF_INET },
	{ "   0: " LOOPBACK ":1F90 " NONE ":0000 0A" END "1 1", AF_INET6 },
	{ "   0: " LOOPBACK "00:90 00000000:0000 0A" END "1 1", AF_INET },
};

START_TEST(leaves_other_lines)
{
	struct sock_row row;

	ck_assert(!sock_row_parse(others[_i].line, others[_i].family, &row));
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "rows", reads_a_row, LENGTH(rows) },
		{ "other lines", leaves_other_lines, LENGTH(others) },
	};

	return run_units("sock_table", units, LENGTH(units));
}
