package org.tinyaudiossl.federated.records

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** `.npy` files of version 1.0: numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
internal object NpyFormat {
    private val MAGIC = byteArrayOf(0x93.toByte()) + "NUMPY".toByteArray() + byteArrayOf(1, 0)
    private val PREFIX = MAGIC.size + 2 // behind it: the length of the text
    private const val ALIGNMENT = 64
    private val HEAD = Regex("""\{'descr': '([^']+)', 'fortran_order': False, 'shape': \(([0-9, ]*)\), \}""")
    private const val LONGEST_HEAD = 1024
    private const val GROWTH = 21 // NumPy leaves room for a first length of so many digits

    /** Return the head that NumPy writes, to the byte. */
    fun head(dtype: DType, shape: List<Int>): ByteArray {
        val room = if (shape.isEmpty()) 0 else GROWTH - shape.first().toString().length
        val text = text(dtype, shape) + " ".repeat(room)
        val length = ((PREFIX + text.length + 1) / ALIGNMENT + 1) * ALIGNMENT - PREFIX
        val padded = (text.padEnd(length - 1) + "\n").toByteArray()
        return MAGIC + byteArrayOf(length.toByte(), (length shr 8).toByte()) + padded
    }

    /**
     * Return the numbers of a file, to be read from position 0.
     * @throws RecordException [npy] is not such a file, or has another format or shape.
     */
    fun numbers(dtype: DType, shape: List<Int>, npy: ByteArray): ByteBuffer {
        val file = ByteBuffer.wrap(npy).order(ByteOrder.LITTLE_ENDIAN)
        if (npy.size < PREFIX || !npy.copyOf(MAGIC.size).contentEquals(MAGIC)) {
            throw RecordException("an array that is not an .npy file of version 1.0")
        }
        val start = PREFIX + (file.getShort(MAGIC.size).toInt() and 0xffff)
        val text = String(npy, PREFIX, maxOf(minOf(start, npy.size) - PREFIX, 0), Charsets.ISO_8859_1)
        if (text.trim() != text(dtype, shape)) {
            throw RecordException("an array announced as ${dtype.pythonName} $shape holds ${text.trim().take(80)}")
        }
        val expected = start + shape.fold(dtype.bytes.toLong()) { product, length -> product * length }
        if (npy.size.toLong() != expected) {
            throw RecordException("an array of ${npy.size} bytes; its shape $shape takes $expected")
        }
        file.position(start)
        return file.slice().order(ByteOrder.LITTLE_ENDIAN)
    }

    /**
     * Return an array of the format and shape that the file's head gives.
     * @throws RecordException [npy] is not such a file, or has a format that no array here has.
     */
    fun array(npy: ByteArray): NumericArray {
        val head = HEAD.find(String(npy, 0, minOf(npy.size, LONGEST_HEAD), Charsets.ISO_8859_1))
            ?: throw RecordException("an array that is not an .npy file of version 1.0 in row order")
        val (code, lengths) = head.destructured
        val dtype = DType.entries.firstOrNull { it.code == code } ?: throw RecordException("an array of format $code")
        val shape = lengths.split(',').map(String::trim).filter(String::isNotEmpty).map {
            it.toIntOrNull() ?: throw RecordException("an array of shape ($lengths)")
        }
        numbers(dtype, shape, npy)
        return NumericArray(dtype, shape, npy)
    }

    private fun text(dtype: DType, shape: List<Int>): String {
        val lengths = shape.joinToString(", ", "(", if (shape.size == 1) ",)" else ")")
        return "{'descr': '${dtype.code}', 'fortran_order': False, 'shape': $lengths, }"
    }
}
