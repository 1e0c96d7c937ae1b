#!/usr/bin/env python3
"""TLS in front of the stand-in, for tests: tls.py CERTIFICATE KEY HOST:PORT PORT_FILE PARENT_PID"""

import asyncio
import os
import ssl
import sys


async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main(certificate, key, behind, port_file, parent):
    host, port = behind.split(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def serve(reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    with open(port_file + ".part", "w") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    os.rename(port_file + ".part", port_file)
    while os.path.exists(f"/proc/{parent}"):
        await asyncio.sleep(0.2)


asyncio.run(main(*sys.argv[1:]))
