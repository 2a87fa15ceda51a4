/* Independent Modbus TCP server on libmodbus.
   usage: mb_server <port>   holding registers 0..99 hold 100 + address; there is nothing beyond */
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments) {
    if (count != 2) return 2;
    modbus_t *context = modbus_new_tcp("127.0.0.1", atoi(arguments[1]));
    modbus_mapping_t *map = modbus_mapping_new(0, 0, 100, 0);
    if (context == NULL || map == NULL) return 1;
    for (int at = 0; at < 100; at++) map->tab_registers[at] = 100 + at;
    int listening = modbus_tcp_listen(context, 1);
    if (listening < 0) {
        fprintf(stderr, "listen: %s\n", modbus_strerror(errno));
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (modbus_tcp_accept(context, &listening) >= 0) {
        unsigned char query[MODBUS_TCP_MAX_ADU_LENGTH];
        int length;
        while ((length = modbus_receive(context, query)) >= 0)
            if (length > 0) modbus_reply(context, query, length, map);
        modbus_close(context);
    }
    return 0;
}
