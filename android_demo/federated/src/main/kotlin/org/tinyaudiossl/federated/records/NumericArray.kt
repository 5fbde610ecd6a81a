package org.tinyaudiossl.federated.records

import java.io.IOException
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** A message, record or array that is not what was expected; the text is for users. */
class RecordException(message: String, cause: Throwable? = null) : IOException(message, cause)

/** A number format of arrays: its code in a `.npy` file, and bytes per number. */
enum class DType(val code: String, val bytes: Int) {
    FLOAT32("<f4", 4),
    FLOAT64("<f8", 8),
    FLOAT16("<f2", 2),
    INT8("|i1", 1),
    INT64("<i8", 8),
    ;

    /** The format's name in NumPy. */
    val pythonName = name.lowercase()

    companion object {
        /**
         * Return a format by its name in NumPy.
         * @throws RecordException no array here has this format.
         */
        fun of(pythonName: String): DType = entries.firstOrNull { it.pythonName == pythonName }
            ?: throw RecordException(
                "an array of $pythonName; expected one of ${entries.joinToString { it.pythonName }}",
            )
    }
}

/** Flower's `Array`: numbers in row order, as a little-endian `.npy` file. */
class NumericArray(val dtype: DType, val shape: List<Int>, val npy: ByteArray) {
    /** Count of the numbers that [shape] announces. */
    val size: Long get() = shape.fold(1L) { product, length -> product * length }

    /**
     * Return the numbers, to be read from position 0.
     * @throws RecordException the file's head or length is not what [dtype] and [shape] say.
     */
    fun numbers(): ByteBuffer = NpyFormat.numbers(dtype, shape, npy)

    /**
     * Return the numbers of an array of float32.
     * @throws RecordException as [numbers], or the array has another format.
     */
    fun floats(): FloatArray {
        if (dtype != DType.FLOAT32) {
            throw RecordException("an array of ${dtype.pythonName}; expected float32")
        }
        val found = numbers().asFloatBuffer()
        return FloatArray(found.remaining()).also(found::get)
    }

    companion object {
        fun of(values: FloatArray): NumericArray =
            made(DType.FLOAT32, values.size) { it.asFloatBuffer().put(values) }

        fun of(values: ByteArray): NumericArray = made(DType.INT8, values.size) { it.put(values) }

        fun of(values: LongArray): NumericArray =
            made(DType.INT64, values.size) { it.asLongBuffer().put(values) }

        /** Return a float16 array; [bits] are its numbers' bits. */
        fun ofHalfBits(bits: ShortArray): NumericArray =
            made(DType.FLOAT16, bits.size) { it.asShortBuffer().put(bits) }

        private fun made(dtype: DType, count: Int, fill: (ByteBuffer) -> Unit): NumericArray {
            val shape = listOf(count)
            val head = NpyFormat.head(dtype, shape)
            val buffer = ByteBuffer.allocate(head.size + count * dtype.bytes).put(head)
            fill(buffer.slice().order(ByteOrder.LITTLE_ENDIAN))
            return NumericArray(dtype, shape, buffer.array())
        }
    }
}
