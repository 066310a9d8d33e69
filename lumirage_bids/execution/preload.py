"""What every node uses, loaded once by the server that processes are forked from."""

# ruff: noqa: F401
import nibabel
import nipype.pipeline.engine
import numpy
import pandas
import scipy.ndimage
import SimpleITK
import torch
import torch._dynamo  # two seconds, which PyTorch takes when a process makes its first optimiser

import lumirage_bids.execution.prepare_scan
import lumirage_bids.execution.register_pairs
import lumirage_bids.methods.fireants.box_sums
import lumirage_bids.methods.fireants.register
import lumirage_bids.methods.fireants.sampling_kernels
import lumirage_bids.methods.fireants.warp_kernels
from lumirage_bids.spatial.kernels import count

# Numba gets ready when a process first calls a loop: most of a second.
count(numpy.zeros(1, numpy.int32), numpy.zeros(1, numpy.int64))
