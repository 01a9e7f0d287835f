#!/usr/bin/env bash
# Installs the system packages that Python cannot bring (PortAudio, FluidSynth with a soundfont, a browser for the
# picture of the page; for the tests also a JACK server and programs that speak OSC, MQTT and MIDI clock), where the package manager may be used without a password. Otherwise prints the one
# command to run. Never fails: everything but sound devices works without them.
#   setup/system_packages.sh [demo|test]
set -u
need=${1:-demo}

missing=()
have_library() { ldconfig -p 2>/dev/null | grep -q "$1"; }
have_soundfont() { compgen -G '/usr/share/sounds/sf[23]/*' >/dev/null; }

debian() {
    have_library libportaudio.so.2 || missing+=(libportaudio2)
    command -v fluidsynth >/dev/null || missing+=(fluidsynth)
    have_soundfont || missing+=(fluid-soundfont-gm)
    command -v chromium >/dev/null || missing+=(chromium)
    if [ "$need" = test ]; then
        command -v jackd >/dev/null || missing+=(jackd2)
        have_library libjack.so.0 || missing+=(libjack-jackd2-0)
        command -v chromedriver >/dev/null || missing+=(chromium-driver)
        command -v oscdump >/dev/null || missing+=(liblo-tools)
        command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing+=(mosquitto)
        command -v jack_mclk_dump >/dev/null || missing+=(jack-midi-clock)
    fi
    [ ${#missing[@]} -eq 0 ] && return
    local install="apt-get install --yes --no-install-recommends ${missing[*]}"
    if [ "$(id -u)" = 0 ]; then
        as_root() { env DEBIAN_FRONTEND=noninteractive "$@"; }
    elif sudo --non-interactive true 2>/dev/null; then
        as_root() { sudo --non-interactive env DEBIAN_FRONTEND=noninteractive "$@"; }
    else
        echo "For sound devices and a better piano, run:  sudo $install"
        return
    fi
    echo "Installing ${missing[*]} ..."
    # shellcheck disable=SC2086
    as_root apt-get update -qq >/dev/null && as_root $install -qq >/dev/null \
        || echo "That did not work. For sound devices and a better piano, run:  sudo $install"
}

macos() {
    brew list portaudio >/dev/null 2>&1 || missing+=(portaudio)
    brew list fluid-synth >/dev/null 2>&1 || missing+=(fluid-synth)
    if [ "$need" = test ]; then brew list jack >/dev/null 2>&1 || missing+=(jack); fi
    [ ${#missing[@]} -eq 0 ] && return
    echo "Installing ${missing[*]} ..."
    brew install --quiet "${missing[@]}" || echo "That did not work. Run:  brew install ${missing[*]}"
}

if command -v apt-get >/dev/null; then
    debian
elif command -v brew >/dev/null; then
    macos
else
    echo "For sound devices and a better piano, install PortAudio and FluidSynth with your package manager."
fi
exit 0
