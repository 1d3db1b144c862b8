"""Serves a plugin to the llmhost that started this program, over gRPC in the manner of go-plugin."""

import base64
import datetime
import os
import struct
import sys
import tempfile
import threading

from .server import Server

COOKIE = ("LLMHOST_PLUGIN", "llmhost")
PROTOCOL, ABI = 1, 2  # of go-plugin, and of llmhost's contract
MAX_MESSAGE = 64 << 20

handshake = None  # the standard output that the host reads, once claimed


def started_by_host():
    return os.environ.get(COOKIE[0]) == COOKIE[1]


def claim_output():
    """Keeps standard output for the handshake; what is printed goes to standard error."""
    global handshake
    if handshake is None and started_by_host():
        handshake = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        sys.stdout.reconfigure(line_buffering=True)


def serve(plugin):
    """Answers the host's calls until it tells this program to end."""
    if not started_by_host():
        name = os.path.dirname(os.path.abspath(sys.argv[0]))
        sys.exit(f"this is a plugin of llmhost, which starts it; try: llmhost plugins explain {name}")
    claim_output()
    from concurrent import futures
    try:
        import cryptography  # noqa: F401, for new_certificate
        import grpc
    except ImportError as e:
        sys.exit(f"{e}; {sys.executable} -m pip install grpcio cryptography")

    ended = threading.Event()
    options = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=options)
    server.add_generic_rpc_handlers(handlers(grpc, Server(plugin), ended))
    key, certificate, der = new_certificate()
    credentials = grpc.ssl_server_credentials([(key, certificate)], os.environ["PLUGIN_CLIENT_CERT"].encode(), require_client_auth=True)
    address = os.path.join(os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or tempfile.mkdtemp(), "plugin")
    server.add_secure_port("unix:" + address, credentials)
    server.start()
    text = base64.b64encode(der).decode().rstrip("=")
    print(PROTOCOL, ABI, "unix", address, "grpc", text, sep="|", file=handshake, flush=True)
    ended.wait()
    server.stop(grace=0.2).wait()


def handlers(grpc, server, ended):
    """The service of the contract, and what go-plugin asks of every plugin."""
    busy = threading.Lock()

    def method(answer):
        def handle(request, context):
            with busy:
                return answer(request)
        return grpc.unary_unary_rpc_method_handler(handle, request_deserializer=read_bytes, response_serializer=write_bytes)

    def numbered(answer):
        return method(lambda request: answer(struct.unpack("<I", request[:4])[0], request[4:]))

    def shutdown(request, context):
        ended.set()
        return b""

    def plain(handle):
        return grpc.unary_unary_rpc_method_handler(handle)

    services = {
        "llmhost.v2.Plugin": {
            "Describe": method(lambda request: server.describe()),
            "Configure": numbered(server.configure),
            "Trace": numbered(server.trace),
            "Format": numbered(server.format),
            "Close": numbered(lambda instance, _: server.close(instance)),
        },
        "plugin.GRPCController": {"Shutdown": plain(shutdown)},
        "grpc.health.v1.Health": {"Check": plain(lambda request, context: b"\x08\x01")},  # status: serving
    }
    return [grpc.method_handlers_generic_handler(name, methods) for name, methods in services.items()]


def read_bytes(message):
    """The content of a google.protobuf.BytesValue: field 1, which an empty one leaves out."""
    if not message:
        return b""
    size = shift = 0
    at = 1
    while True:
        size |= (message[at] & 0x7F) << shift
        shift += 7
        at += 1
        if message[at - 1] < 0x80:
            break
    if message[0] != 0x0A or at + size != len(message):
        raise ValueError("a request is no BytesValue")
    return message[at:]


def write_bytes(content):
    from .rows import uvarint
    return b"\x0a" + uvarint(len(content)) + content if content else b""


def new_certificate():
    """A key and a certificate for this process alone, as PEM, and the latter as DER too."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1)).not_valid_after(now + datetime.timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key_pem, certificate.public_bytes(serialization.Encoding.PEM), certificate.public_bytes(serialization.Encoding.DER)
