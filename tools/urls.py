"""Addresses that merchants might give us for their webhooks, and what is to become of each: one list for all tests."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

ALLOWED = [
    "https://shop.example.com",
    "https://shop.example.com/hooks/tongbao?shop=7",
    "https://SHOP.example.com:8443/hook",
    "https://shop.example.com./hook",
    "https://例子.中国/钩子",
    "https://my_shop.example.com/",
    "https://8.8.8.8/hook",
    "https://[2606:4700::1111]/hook",
    "https://[::ffff:8.8.8.8]/",
    "https://[64:ff9b::808:808]/",
    "https://localhost.example.com/",
    "https://127.0.0.1.example.com/",
]

REFUSED = [
    ("http://shop.example.com/", "scheme"),
    ("ftp://shop.example.com/", "scheme"),
    ("file:///etc/passwd", "scheme"),
    ("gopher://shop.example.com/", "scheme"),
    ("//shop.example.com/", "scheme"),
    ("shop.example.com", "scheme"),
    ("", "scheme"),
    ("https:shop.example.com", "host_name"),
    ("https://", "host_name"),
    ("https://user@shop.example.com/", "userinfo"),
    ("https://user:word@shop.example.com/", "userinfo"),
    ("https://@shop.example.com/", "userinfo"),
    ("https://shop.example.com@127.0.0.1/", "userinfo"),
    ("https://shop.example.com\\@127.0.0.1/", "unreadable"),
    ("https://shop.example.com/a\\b", "unreadable"),
    ("https://shop.example.com/a b", "unreadable"),
    ("https://shop.exam\tple.com/", "unreadable"),
    ("https://shop.example.com/\r\nHost: x", "unreadable"),
    ("https://shop.example.com/\x00", "unreadable"),
    ("https://shop.example.com/#top", "fragment"),
    ("https://shop.example.com:0/", "port"),
    ("https://shop.example.com:22/", "port"),
    ("https://shop.example.com:25/", "port"),
    ("https://shop.example.com:65536/", "unreadable"),
    ("https://" + "a" * 2048 + ".com/", "unreadable"),
    # names of our own house
    ("https://localhost/", "host_name"),
    ("https://LOCALHOST/", "host_name"),
    ("https://localhost./", "host_name"),
    ("https://api.localhost/", "host_name"),
    ("https://postgres/", "host_name"),
    ("https://db.internal/", "host_name"),
    ("https://metadata.google.internal/computeMetadata/v1/", "host_name"),
    ("https://metadata/", "host_name"),
    ("https://printer.local/", "host_name"),
    ("https://router.lan/", "host_name"),
    ("https://nas.home.arpa/", "host_name"),
    ("https://shop..example.com/", "host_name"),
    ("https://-shop.example.com/", "host_name"),
    ("https://sh%6fp.example.com/", "host_name"),
    ("https://127.0.0.1%2f.example.com/", "host_name"),
    # addresses, plainly
    ("https://127.0.0.1/", "loopback"),
    ("https://127.255.255.254/", "loopback"),
    ("https://10.1.2.3/", "private"),
    ("https://172.16.0.1/", "private"),
    ("https://172.31.255.255/", "private"),
    ("https://192.168.1.1/", "private"),
    ("https://169.254.1.1/", "link_local"),
    ("https://169.254.169.254/latest/meta-data/", "metadata"),
    ("https://100.100.100.200/", "metadata"),
    ("https://100.64.0.1/", "shared"),
    ("https://0.0.0.0/", "reserved"),
    ("https://192.0.2.1/", "reserved"),
    ("https://198.18.0.1/", "reserved"),
    ("https://240.0.0.1/", "reserved"),
    ("https://255.255.255.255/", "reserved"),
    ("https://224.0.0.1/", "multicast"),
    ("https://[::1]/", "loopback"),
    ("https://[::]/", "reserved"),
    ("https://[fc00::1]/", "private"),
    ("https://[fd00:ec2::254]/", "metadata"),
    ("https://[fe80::1]/", "link_local"),
    ("https://[ff02::1]/", "multicast"),
    ("https://[2001:db8::1]/", "reserved"),
    # addresses in disguise
    ("https://2130706433/", "address_encoding"),
    ("https://0x7f000001/", "address_encoding"),
    ("https://0x7f.0.0.1/", "address_encoding"),
    ("https://127.0.0.0x1/", "address_encoding"),
    ("https://0177.0.0.1/", "address_encoding"),
    ("https://017700000001/", "address_encoding"),
    ("https://127.1/", "address_encoding"),
    ("https://127.0.1/", "address_encoding"),
    ("https://0/", "address_encoding"),
    ("https://127.0.0.1./", "loopback"),
    ("https://256.256.256.256/", "address_encoding"),
    ("https://１２７.０.０.１/", "loopback"),
    ("https://①②⑦.0.0.1/", "loopback"),
    ("https://127。0。0。1/", "loopback"),
    ("https://[::ffff:127.0.0.1]/", "loopback"),
    ("https://[::ffff:7f00:1]/", "loopback"),
    ("https://[::ffff:169.254.169.254]/", "metadata"),
    ("https://[::127.0.0.1]/", "reserved"),
    ("https://[64:ff9b::7f00:1]/", "loopback"),
    ("https://[64:ff9b::10.0.0.1]/", "private"),
    ("https://[64:ff9b:1::7f00:1]/", "reserved"),
    ("https://[2002:7f00:1::]/", "reserved"),
    ("https://[2001:0:4136:e378:8000:63bf:f5ff:fffe]/", "reserved"),
    ("https://[fe80::1%25eth0]/", "address_encoding"),
    ("https://[::1%25lo]/", "address_encoding"),
    ("https://[fe80::5efe:7f00:1]/", "link_local"),
    ("https://[::1].example.com/", "unreadable"),
]


def _address(url: str) -> str | None:
    """The address that a URL names in its usual spelling."""
    try:
        return str(ip_address(urlsplit(url).hostname or ""))
    except ValueError:
        return None


ADDRESSES = tuple(dict.fromkeys(address for url, _ in REFUSED if (address := _address(url))))
"""Every address among the refused: a name may resolve to it, too."""
