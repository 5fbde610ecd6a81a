package org.tinyaudiossl.federated.wire

import java.io.IOException

/** Bytes that are not a Protobuf message of the expected kind. */
class ProtoException(message: String) : IOException(message)

/**
 * The fields of one Protobuf message, read at once. As in Protobuf, a field that is not there has its
 * default value, the last of several wins, and unknown fields are ignored.
 *
 * @throws ProtoException the bytes are cut short, or a field has another type than asked for.
 */
class ProtoFields(private val data: ByteArray) {
    private class Value(val wireType: Int, val number: Long, val start: Int, val end: Int)

    private val fields = HashMap<Int, ArrayList<Value>>()
    private var at = 0

    init {
        while (at < data.size) {
            val tag = varint(data.size)
            fields.getOrPut((tag ushr 3).toInt()) { ArrayList() } += value((tag and 7).toInt())
        }
    }

    val numbers: Set<Int> get() = fields.keys

    operator fun contains(field: Int): Boolean = field in fields

    fun uint(field: Int): Long = last(field, ProtoWriter.VARINT)?.number ?: 0

    fun sint(field: Int): Long = unzigzag(uint(field))

    fun bool(field: Int): Boolean = uint(field) != 0L

    fun double(field: Int): Double =
        Double.fromBits(last(field, ProtoWriter.FIXED64)?.number ?: 0)

    fun bytes(field: Int): ByteArray =
        last(field, ProtoWriter.LENGTH_DELIMITED)?.let(::slice) ?: ByteArray(0)

    fun string(field: Int): String = String(bytes(field))

    fun strings(field: Int): List<String> = repeatedBytes(field).map { String(it) }

    fun message(field: Int): ProtoFields = ProtoFields(bytes(field))

    fun messages(field: Int): List<ProtoFields> = repeatedBytes(field).map(::ProtoFields)

    fun repeatedBytes(field: Int): List<ByteArray> = all(field, ProtoWriter.LENGTH_DELIMITED).map(::slice)

    fun packedUints(field: Int): List<Long> = packed(field) { varint(it) }

    fun packedSints(field: Int): List<Long> = packedUints(field).map(::unzigzag)

    fun packedDoubles(field: Int): List<Double> = packed(field) { Double.fromBits(fixed(8, it)) }

    private fun <T> packed(field: Int, read: (Int) -> T): List<T> =
        all(field, ProtoWriter.LENGTH_DELIMITED).flatMap { value ->
            val found = ArrayList<T>()
            at = value.start
            while (at < value.end) found += read(value.end)
            found
        }

    private fun all(field: Int, wireType: Int): List<Value> {
        val found = fields[field].orEmpty()
        found.firstOrNull { it.wireType != wireType }?.let {
            throw ProtoException("field $field has wire type ${it.wireType}; expected $wireType")
        }
        return found
    }

    private fun last(field: Int, wireType: Int): Value? = all(field, wireType).lastOrNull()

    private fun slice(value: Value): ByteArray = data.copyOfRange(value.start, value.end)

    private fun value(wireType: Int): Value = when (wireType) {
        ProtoWriter.VARINT -> Value(wireType, varint(data.size), 0, 0)
        ProtoWriter.FIXED64 -> Value(wireType, fixed(8, data.size), 0, 0)
        ProtoWriter.FIXED32 -> Value(wireType, fixed(4, data.size), 0, 0)
        ProtoWriter.LENGTH_DELIMITED -> {
            val length = varint(data.size)
            if (length < 0 || length > data.size - at) throw cutShort()
            val start = at
            at += length.toInt()
            Value(wireType, 0, start, at)
        }
        else -> throw ProtoException("wire type $wireType; expected 0, 1, 2 or 5")
    }

    private fun varint(end: Int): Long {
        var value = 0L
        for (shift in 0 until 70 step 7) {
            if (at >= end) throw cutShort()
            val byte = data[at++].toLong()
            value = value or ((byte and 0x7f) shl shift)
            if (byte >= 0) return value
        }
        throw ProtoException("a number of more than ten bytes")
    }

    private fun fixed(size: Int, end: Int): Long {
        if (end - at < size) throw cutShort()
        var value = 0L
        for (i in 0 until size) value = value or ((data[at++].toLong() and 0xff) shl 8 * i)
        return value
    }

    private fun cutShort() = ProtoException("a message of ${data.size} bytes is cut short")

    private companion object {
        fun unzigzag(value: Long): Long = (value ushr 1) xor -(value and 1)
    }
}
