#!/bin/sh
# Installs what `make paper` needs, on Debian: TeX Live with xelatex, lualatex and Chinese fonts
# (luatexja, which ctex uses with lualatex, is among the Japanese packages), and pandoc.
set -eu

missing=""
for program in xelatex lualatex pandoc; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
if command -v kpsewhich >/dev/null; then
    for file in ctex.sty luatexja.sty tikz.sty FandolSong-Regular.otf; do
        kpsewhich "$file" >/dev/null || missing="$missing $file"
    done
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "paper: not installed:$missing; this script installs them as root on Debian" >&2
    exit 1
fi
echo "paper: installing TeX Live and pandoc, for:$missing  (three minutes or so)"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update && apt-get -qq install -y --no-install-recommends \
    texlive-xetex texlive-luatex texlive-lang-chinese texlive-lang-japanese pandoc >/dev/null || {
    echo "paper: Debian's packages cannot be had here" >&2
    exit 1
}
