"""Speech from eSpeak NG, and its spectrogram by TensorFlow's micro front end: 40 values each 10 ms."""

from __future__ import annotations

import ctypes

import numpy as np

SAMPLE_RATE = 16000
#: Samples that the front end takes at once.
CHUNK = 160

# espeak-ng/speak_lib.h
_SYNCHRONOUS, _RATE, _UTF8 = 2, 1, 1
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Speaker:
    """eSpeak NG as the package `espeakng-loader` brings it: library and voices."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self._rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, 0)
        if self._rate <= 0:
            raise RuntimeError("eSpeak NG does not start")
        self._heard: list[np.ndarray] = []
        self._callback = _CALLBACK(self._hear)  # kept: the library holds no reference
        self._library.espeak_SetSynthCallback(self._callback)

    def _hear(self, wave: ctypes._Pointer[ctypes.c_short], count: int, _: int | None) -> int:
        if count > 0:
            self._heard.append(np.ctypeslib.as_array(wave, (count,)).copy())
        return 0

    def say(self, text: str, voice: str, words_per_minute: int) -> np.ndarray:
        """The text as int16 samples at `SAMPLE_RATE`."""
        self._heard.clear()
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise RuntimeError(f"eSpeak NG has no voice {voice!r}")
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        said = text.encode()
        self._library.espeak_Synth(said, len(said) + 1, 0, 1, 0, _UTF8, None, None)
        wave = np.concatenate(self._heard).astype(np.float32)
        times = np.arange(len(wave) * SAMPLE_RATE // self._rate) * (self._rate / SAMPLE_RATE)
        return np.interp(times, np.arange(len(wave)), wave).astype(np.int16)


def spectrogram(samples: np.ndarray) -> np.ndarray:
    """The features of int16 samples: float32 [n, 40]."""
    from pymicro_features import MicroFrontend

    frontend, raw = MicroFrontend(), samples.astype("<i2").tobytes()
    rows, at = [], 0
    while at + 2 * CHUNK <= len(raw):
        result = frontend.process_samples(raw[at : at + 2 * CHUNK])
        at += 2 * result.samples_read
        if result.features:
            rows.append(result.features)
    return np.array(rows, np.float32)
