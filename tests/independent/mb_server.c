/* Independent Modbus server on libmodbus, for any number of clients.
   usage: mb_server tcp <port>              units 1 to 247 alike
          mb_server rtu <device> <baud> <unit>
   Holding registers 0 to 99 hold 100 + address; there is nothing beyond.
   Coils 0 to 15 and discrete inputs 0 to 15 are on where the address is divisible by three.
   Input registers 0 to 1999 are float32 (ABCD) that begin as 0, 1, 2 … and are higher by one after each read: readings
   that never stand still. */
#include <errno.h>
#include <modbus.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

enum { HOLDING = 100, INPUT = 2000, BITS = 16 };

static float readings[INPUT / 2];

/* Its two registers, the high word first: written here, for libmodbus 3.1.6 writes other orders than it names. */
static void show(modbus_mapping_t *map, int index) {
    uint32_t bits;
    memcpy(&bits, &readings[index], sizeof bits);
    map->tab_input_registers[2 * index] = bits >> 16;
    map->tab_input_registers[2 * index + 1] = bits & 0xFFFF;
}

static modbus_mapping_t *make_map(void) {
    modbus_mapping_t *map = modbus_mapping_new(BITS, BITS, HOLDING, INPUT);
    if (map == NULL) exit(1);
    for (int at = 0; at < HOLDING; at++) map->tab_registers[at] = 100 + at;
    for (int at = 0; at < BITS; at++) map->tab_bits[at] = map->tab_input_bits[at] = at % 3 == 0;
    for (int index = 0; index < INPUT / 2; index++) {
        readings[index] = index;
        show(map, index);
    }
    return map;
}

/* Function code 4 was answered: what was read has moved on. */
static void move_on(modbus_mapping_t *map, const uint8_t *query, int head) {
    if (query[head] != 4) return;
    int first = query[head + 1] << 8 | query[head + 2], count = query[head + 3] << 8 | query[head + 4];
    for (int index = first / 2; 2 * index < first + count && 2 * index < INPUT; index++) {
        readings[index] += 1;
        show(map, index);
    }
}

static void serve_tcp(int port) {
    modbus_t *context = modbus_new_tcp("127.0.0.1", port);
    modbus_mapping_t *map = make_map();
    int listening = context == NULL ? -1 : modbus_tcp_listen(context, 64);
    if (listening < 0) {
        fprintf(stderr, "listen: %s\n", modbus_strerror(errno));
        exit(1);
    }
    puts("ready");
    fflush(stdout);
    fd_set all, readable;
    FD_ZERO(&all);
    FD_SET(listening, &all);
    int most = listening;
    for (;;) {
        readable = all;
        if (select(most + 1, &readable, NULL, NULL, NULL) < 0) continue;
        for (int at = 0; at <= most; at++) {
            if (!FD_ISSET(at, &readable)) continue;
            if (at == listening) {
                int client = modbus_tcp_accept(context, &listening);
                if (client < 0) continue;
                FD_SET(client, &all);
                if (client > most) most = client;
                continue;
            }
            uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
            modbus_set_socket(context, at);
            int length = modbus_receive(context, query);
            if (length > 0) {
                modbus_reply(context, query, length, map);
                move_on(map, query, modbus_get_header_length(context));
            } else if (length < 0) {
                close(at);
                FD_CLR(at, &all);
            }
        }
    }
}

static void serve_rtu(const char *device, int baud, int unit) {
    modbus_t *context = modbus_new_rtu(device, baud, 'N', 8, 1);
    modbus_mapping_t *map = make_map();
    if (context == NULL || modbus_set_slave(context, unit) < 0 || modbus_connect(context) < 0) {
        fprintf(stderr, "%s: %s\n", device, modbus_strerror(errno));
        exit(1);
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        uint8_t query[MODBUS_RTU_MAX_ADU_LENGTH];
        int length = modbus_receive(context, query);
        if (length > 0) {
            modbus_reply(context, query, length, map);
            move_on(map, query, modbus_get_header_length(context));
        } else if (length < 0 && errno == EIO) {
            exit(0); /* the line is gone */
        }
    }
}

int main(int count, char **arguments) {
    signal(SIGPIPE, SIG_IGN);
    if (count == 3 && strcmp(arguments[1], "tcp") == 0) serve_tcp(atoi(arguments[2]));
    if (count == 5 && strcmp(arguments[1], "rtu") == 0)
        serve_rtu(arguments[2], atoi(arguments[3]), atoi(arguments[4]));
    fprintf(stderr, "usage: mb_server tcp PORT | mb_server rtu DEVICE BAUD UNIT\n");
    return 2;
}
