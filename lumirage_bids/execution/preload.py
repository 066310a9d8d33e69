"""Libraries that every node uses, loaded once by the server that processes are forked from."""

# ruff: noqa: F401
import nibabel
import nipype.pipeline.engine
import numpy
import pandas
import scipy.ndimage
import SimpleITK
import torch

import lumirage_bids.execution.prepare_scan
import lumirage_bids.execution.register_pairs
import lumirage_bids.methods.fireants.box_sums
import lumirage_bids.methods.fireants.register
import lumirage_bids.methods.fireants.sampling_kernels
import lumirage_bids.methods.fireants.warp_kernels
