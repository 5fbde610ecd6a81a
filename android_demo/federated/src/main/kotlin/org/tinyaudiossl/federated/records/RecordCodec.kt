package org.tinyaudiossl.federated.records

import org.tinyaudiossl.federated.wire.ProtoFields
import org.tinyaudiossl.federated.wire.ProtoWriter
import org.tinyaudiossl.federated.wire.proto

/** Metric and config records as Protobuf, in the bytes that Flower's Python gives. */
internal object RecordCodec {
    fun encode(values: Map<String, Any>): ByteArray = proto {
        for ((name, value) in values) {
            message(1) {
                string(1, name)
                message(2) { value(value) }
            }
        }
    }

    /**
     * Return the values by name.
     * @throws RecordException a value is of no known kind.
     */
    fun decode(bytes: ByteArray): Map<String, Any> =
        ProtoFields(bytes).messages(1).associate { it.string(1) to value(it.message(2)) }

    private fun ProtoWriter.value(value: Any) {
        when (value) {
            is Double -> double(DOUBLE, value, always = true)
            is Long -> sint(SINT, value, always = true)
            is ULong -> uint(UINT, value.toLong(), always = true)
            is Boolean -> uint(BOOL, if (value) 1 else 0, always = true)
            is String -> string(STRING, value, always = true)
            is ByteArray -> bytes(BYTES, value, always = true)
            is List<*> -> list(value)
            else -> throw RecordException("a value of ${value.javaClass.simpleName} in a record")
        }
    }

    private fun ProtoWriter.list(values: List<*>) = when (val first = values.firstOrNull()) {
        null -> throw RecordException("an empty list in a record")
        is Double -> message(LIST + DOUBLE) { packedDoubles(1, values.map { it as Double }) }
        is Long -> message(LIST + SINT) { packedSints(1, values.map { it as Long }) }
        is ULong -> message(LIST + UINT) { packedUints(1, values.map { (it as ULong).toLong() }) }
        is Boolean -> message(LIST + BOOL) { packedUints(1, values.map { if (it as Boolean) 1L else 0L }) }
        is String -> message(LIST + STRING) { values.forEach { string(1, it as String, always = true) } }
        is ByteArray -> message(LIST + BYTES) { values.forEach { bytes(1, it as ByteArray, always = true) } }
        else -> throw RecordException("a list of ${first.javaClass.simpleName} in a record")
    }

    private fun value(fields: ProtoFields): Any = when (val kind = fields.numbers.lastOrNull()) {
        DOUBLE -> fields.double(kind)
        SINT -> fields.sint(kind)
        UINT -> fields.uint(kind).toULong()
        BOOL -> fields.bool(kind)
        STRING -> fields.string(kind)
        BYTES -> fields.bytes(kind)
        LIST + DOUBLE -> fields.message(kind).packedDoubles(1)
        LIST + SINT -> fields.message(kind).packedSints(1)
        LIST + UINT -> fields.message(kind).packedUints(1).map { it.toULong() }
        LIST + BOOL -> fields.message(kind).packedUints(1).map { it != 0L }
        LIST + STRING -> fields.message(kind).strings(1)
        LIST + BYTES -> fields.message(kind).repeatedBytes(1)
        else -> throw RecordException("a record's value has Protobuf field $kind, which Flower 1.41 does not know")
    }

    private const val DOUBLE = 1
    private const val SINT = 2
    private const val UINT = 3
    private const val BOOL = 4
    private const val STRING = 5
    private const val BYTES = 6
    private const val LIST = 20 // a list's field is that of its numbers, and so much more
}
