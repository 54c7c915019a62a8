// The kernels that a stage of a model can name, each by a number that never changes its meaning: append only.
// The converter reads this list. KERNEL(number, function or SumKernels, structure, its pointers, its 32-bit
// words): a structure is its pointers, then its words. No include guard: the including file says what KERNEL
// means.
ROW_KERNEL(1, conv_2d_row, Conv2D, 4, 13)
ROW_KERNEL(2, depthwise_conv_2d_row, DepthwiseConv2D, 4, 12)
ROW_KERNEL(3, fully_connected_row, FullyConnected, 4, 5)
ROW_KERNEL(4, sum_row, Sum, 0, 13)
ROW_KERNEL(5, product_row, Product, 0, 8)
ROW_KERNEL(6, average_pool_2d_row, Pool2D, 0, 8)
ROW_KERNEL(7, max_pool_2d_row, Pool2D, 0, 8)
ROW_KERNEL(8, lookup_row, Lookup, 1, 1)
ROW_KERNEL(9, concatenation_row, Concatenation, 0, 11)
ROW_KERNEL(10, pad_row, Pad, 0, 4)
ROW_KERNEL(11, quantize_row, Affine, 0, 3)
ROW_KERNEL(12, dequantize_row, Affine, 0, 3)
ROW_KERNEL(13, softmax_row, Softmax, 1, 1)
ROW_KERNEL(14, softmax_int16_row, Softmax, 1, 1)
SUM_KERNEL(15, average_pool_2d_sum, Pool2D, 0, 8)
SUM_KERNEL(16, mean_sum, MapMean, 0, 6)
ROW_KERNEL(17, sum_channels_row, Sum, 0, 13)
ROW_KERNEL(18, product_channels_row, Product, 0, 8)
