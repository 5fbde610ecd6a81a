package org.tinyaudiossl.federated

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Return the numbers' bytes, in little-endian order. */
internal fun FloatArray.toLittleEndian(): ByteArray = ByteBuffer.allocate(Float.SIZE_BYTES * size)
    .order(ByteOrder.LITTLE_ENDIAN)
    .also { it.asFloatBuffer().put(this) }
    .array()

/** Return the numbers whose bytes these are, in little-endian order. */
internal fun ByteArray.littleEndianFloats(): FloatArray {
    val numbers = ByteBuffer.wrap(this).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    return FloatArray(numbers.capacity()).also(numbers::get)
}
