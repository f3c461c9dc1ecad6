"""Index pages as real servers draw them: what lies in the folder, and whether the page is a listing at all."""

import pytest

from stormcycle.feeds.indexes import index_names, is_index

URL = "https://radar.example/data/2026/07/01/simli/"
A, B = "simli_pvol_20260701T125400Z.h5", "simli_pvol_20260701T130000Z.h5"
NGINX = f"""<html>
<head><title>Index of /data/2026/07/01/simli/</title></head>
<body>
<h1>Index of /data/2026/07/01/simli/</h1><hr><pre><a href="../">../</a>
<a href="older/">older/</a>                                             01-Jul-2026 12:58                   -
<a href="{A}">simli_pvol_20260701T125400Z.h5</a>                     01-Jul-2026 12:58              123456
<a href="{B}">simli_pvol_20260701T130000Z.h5</a>                     01-Jul-2026 13:04              123456
</pre><hr></body>
</html>
"""
APACHE = f"""<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">
<html>
 <head>
  <title>Index of /data/2026/07/01/simli</title>
 </head>
 <body>
<h1>Index of /data/2026/07/01/simli</h1>
  <table>
   <tr><th valign="top"><img src="/icons/blank.gif" alt="[ICO]"></th><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>
<tr><td valign="top"><img src="/icons/back.gif" alt="[PARENTDIR]"></td><td><a href="/data/2026/07/01/">Parent Directory</a></td></tr>
<tr><td valign="top"><img src="/icons/unknown.gif" alt="[   ]"></td><td><a href="{A}">{A}</a></td></tr>
<tr><td valign="top"><img src="/icons/unknown.gif" alt="[   ]"></td><td><a href="/data/2026/07/01/simli/{B}">{B}</a></td></tr>
</table>
</body></html>
"""
PYTHON = f"""<!DOCTYPE HTML>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Directory listing for /data/2026/07/01/simli/</title>
</head>
<body>
<h1>Directory listing for /data/2026/07/01/simli/</h1>
<hr>
<ul>
<li><a href="{A}">{A}</a></li>
<li><a href="{B}">{B}</a></li>
</ul>
<hr>
</body>
</html>
"""
IIS = f"""<html><head><title>radar.example - /data/2026/07/01/simli/</title></head><body><H1>radar.example - /data/2026/07/01/simli/</H1><hr>
<pre><A HREF="/data/2026/07/01/">[To Parent Directory]</A><br><br> 7/1/2026 12:58 PM 123456 <A HREF="/data/2026/07/01/simli/{A}">{A}</A><br>
 7/1/2026  1:04 PM 123456 <A HREF="/data/2026/07/01/simli/{B}">{B}</A><br></pre><hr></body></html>"""
CADDY = f"<html><head><title>/data/</title></head><body><a href='..'>Up</a><a href='./{A}'>{A}</a><a href=./{B}>{B}</a></body></html>"
PAGES = {"nginx": NGINX, "Apache": APACHE, "Python": PYTHON, "IIS": IIS, "Caddy": CADDY}


@pytest.mark.parametrize("server", PAGES)
def test_the_files_of_a_folder_are_read_from_each_servers_page(server: str):
    assert index_names(PAGES[server], URL) == [A, B]
    assert is_index(PAGES[server])


@pytest.mark.parametrize("server", PAGES)
def test_a_page_of_an_empty_folder_still_is_a_listing(server: str):
    page = "\n".join(line for line in PAGES[server].replace("<a href", "\n<a href").replace("<A HREF", "\n<A HREF").splitlines() if ".h5" not in line)
    assert index_names(page, URL) == []
    assert is_index(page)


@pytest.mark.parametrize(
    "link",
    [
        f"https://elsewhere.example/data/2026/07/01/simli/{A}",
        f"//elsewhere.example/data/2026/07/01/simli/{A}",
        f"https://radar.example:8443/data/2026/07/01/simli/{A}",
        f"../{A}",
        f"../../../../../../../../{A}",
        f"/{A}",
        f"/data/2026/07/01/{A}",
        f"older/{A}",
        f"{A}?download=1",
        f"ftp://radar.example/data/2026/07/01/simli/{A}",
        f"..%2F{A}",
        "mailto:someone@radar.example",
        "javascript:void(0)",
        "https://[broken",
        "",
    ],
)
def test_links_out_of_the_folder_are_none_of_it(link: str):
    assert index_names(f'<title>Index of</title><a href="{link}">x</a><a name="{B}">no link</a>', URL) == []


@pytest.mark.parametrize("link", [f"http://radar.example/data/2026/07/01/simli/{A}", f"https://RADAR.example/data/2026/07/01/simli/{A}", A.replace("_", "%5F")])
def test_links_into_the_folder_in_other_words_are_of_it(link: str):
    assert index_names(f'<a href="{link}">x</a>', URL) == [A]


@pytest.mark.parametrize(
    "page", ["", "[]", '{"message": "index of nothing"}', "<title>Sign in</title><a href='/'>home</a>", "<p>See the index of products</p><a href='/a/'>a</a>"]
)
def test_other_pages_are_no_listings(page: str):
    assert not is_index(page)
