package org.tinyaudiossl.federated.wire

import java.io.ByteArrayOutputStream

/**
 * Write the fields of one Protobuf message. Calls in ascending order of the field numbers give the
 * bytes that Python gives. Like proto3, [uint], [double], [string] and [bytes] leave out a default
 * value; the functions of a `oneof` pass `always`.
 */
class ProtoWriter {
    private val out = ByteArrayOutputStream()

    fun toBytes(): ByteArray = out.toByteArray()

    /** Write a `uint64`, `int32` or `bool`; a negative number is the upper half of the `uint64`s. */
    fun uint(field: Int, value: Long, always: Boolean = false) {
        if (value == 0L && !always) return
        tag(field, VARINT)
        varint(value)
    }

    fun sint(field: Int, value: Long, always: Boolean = false) = uint(field, zigzag(value), always)

    fun double(field: Int, value: Double, always: Boolean = false) {
        if (value.toRawBits() == 0L && !always) return
        tag(field, FIXED64)
        fixed64(value)
    }

    fun string(field: Int, value: String, always: Boolean = false) =
        bytes(field, value.toByteArray(), always)

    fun bytes(field: Int, value: ByteArray, always: Boolean = false) {
        if (value.isEmpty() && !always) return
        tag(field, LENGTH_DELIMITED)
        varint(value.size.toLong())
        out.write(value)
    }

    /** Write a message within this one, even an empty one. */
    fun message(field: Int, fill: ProtoWriter.() -> Unit) =
        bytes(field, ProtoWriter().apply(fill).toBytes(), always = true)

    fun packedUints(field: Int, values: Iterable<Long>) = packed(field) { values.forEach(::varint) }

    fun packedSints(field: Int, values: Iterable<Long>) =
        packed(field) { values.forEach { varint(zigzag(it)) } }

    fun packedDoubles(field: Int, values: Iterable<Double>) =
        packed(field) { values.forEach(::fixed64) }

    private fun packed(field: Int, fill: ProtoWriter.() -> Unit) =
        bytes(field, ProtoWriter().apply(fill).toBytes())

    private fun tag(field: Int, wireType: Int) = varint((field.toLong() shl 3) or wireType.toLong())

    private fun varint(value: Long) {
        var rest = value
        while (rest and 0x7f.inv() != 0L) {
            out.write(((rest and 0x7f) or 0x80).toInt())
            rest = rest ushr 7
        }
        out.write(rest.toInt())
    }

    private fun fixed64(value: Double) {
        val bits = value.toRawBits()
        for (shift in 0 until 64 step 8) out.write((bits ushr shift).toInt())
    }

    internal companion object {
        const val VARINT = 0
        const val FIXED64 = 1
        const val LENGTH_DELIMITED = 2
        const val FIXED32 = 5

        fun zigzag(value: Long): Long = (value shl 1) xor (value shr 63)
    }
}

/** Return the bytes of one Protobuf message. */
fun proto(fill: ProtoWriter.() -> Unit): ByteArray = ProtoWriter().apply(fill).toBytes()
