"""What the driver says of the GPU, by NVML alone: no package is needed."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Optional


class _Rates(ctypes.Structure):
    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class Utilisation:
    """The utilisation of the GPU that torch uses.

    Args:
        torch: the module; CUDA must be initialised.
    """

    def __init__(self, torch: Any) -> None:
        self._library: Any = None
        self._handle = ctypes.c_void_p()
        try:
            library = ctypes.CDLL("libnvidia-ml.so.1" if os.name == "posix" else "nvml.dll")
            if library.nvmlInit_v2() == 0 and self._find(library, torch):
                self._library = library
        except (OSError, AttributeError):  # no driver, or one that is too old
            return

    def _find(self, library: Any, torch: Any) -> bool:
        """Get the handle: by the device's own identifier where torch tells it, else by its number."""
        current = torch.cuda.current_device()
        identifier = getattr(torch.cuda.get_device_properties(current), "uuid", None)
        if identifier is not None:
            name = ("GPU-%s" % identifier).encode()
            if library.nvmlDeviceGetHandleByUUID(ctypes.c_char_p(name), ctypes.byref(self._handle)) == 0:
                return True
        visible = [part.strip() for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if part.strip()]
        chosen = visible[current] if current < len(visible) else str(current)
        if not chosen.isdigit():
            return library.nvmlDeviceGetHandleByUUID(ctypes.c_char_p(chosen.encode()), ctypes.byref(self._handle)) == 0
        return library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(int(chosen)), ctypes.byref(self._handle)) == 0

    def percent(self) -> Optional[int]:
        """Share of the driver's last sampling period in which a kernel ran, in percent; None where it is not told."""
        if self._library is None:
            return None
        rates = _Rates()
        if self._library.nvmlDeviceGetUtilizationRates(self._handle, ctypes.byref(rates)) != 0:
            return None
        return int(rates.gpu)
