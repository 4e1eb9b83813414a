"""Certificates of a test's own, made by the openssl program."""

import os
import shutil
import ssl
import subprocess
import tempfile

SERVER = "extendedKeyUsage=serverAuth\nsubjectAltName=IP:127.0.0.1,IP:198.18.0.1,DNS:localhost\n"
CLIENT = "extendedKeyUsage=clientAuth\n"


def available():
    return shutil.which("openssl") is not None


class Authority:
    """A CA in a folder that lives as long as this."""

    def __init__(self, name="test-ca"):
        self.temporary = tempfile.TemporaryDirectory(prefix="pagecast-ca-")
        self.folder = self.temporary.name
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", self.key("ca"), "-out", self.cert("ca"), "-days", "2", "-subj", f"/CN={name}",
                     "-addext", "keyUsage=critical,keyCertSign")

    def close(self):
        self.temporary.cleanup()

    def openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)

    def path(self, name):
        return os.path.join(self.folder, name)

    def cert(self, name):
        return self.path(name + ".pem")

    def key(self, name):
        return self.path(name + ".key")

    def make(self, name, extensions, subject=None, days=2):
        """cert(name) and key(name), signed by the CA; a second call replaces them."""
        request, file = self.path("request"), self.path("extensions")
        with open(file, "w", encoding="utf-8") as out:
            out.write(extensions)
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-utf8", "-keyout", self.key(name),
                     "-out", request, "-subj", subject or f"/CN={name}")
        self.openssl("x509", "-req", "-in", request, "-CA", self.cert("ca"), "-CAkey", self.key("ca"),
                     "-CAcreateserial", "-out", self.cert(name), "-days", str(days), "-extfile", file)
        os.chmod(self.key(name), 0o600)

    def context(self, client=None, version=None):
        """What a client speaks with, that trusts the CA alone. @client: name of its certificate"""
        context = ssl.create_default_context(cafile=self.cert("ca"))
        if client:
            context.load_cert_chain(self.cert(client), self.key(client))
        if version:
            context.minimum_version = context.maximum_version = version
        return context
