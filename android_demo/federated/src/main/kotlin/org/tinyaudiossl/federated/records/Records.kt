package org.tinyaudiossl.federated.records

/** One of Flower's named records; the order of the names is part of a message's bytes. */
sealed interface Record

/** Flower's `ArrayRecord`. */
class ArrayRecord(val arrays: Map<String, NumericArray>) : Record

/** Flower's `MetricRecord`: values are Long, ULong, Double, or lists of one of these. */
class MetricRecord(val values: Map<String, Any>) : Record

/** Flower's `ConfigRecord`: as [MetricRecord], and Boolean, String, ByteArray and lists of these. */
class ConfigRecord(val values: Map<String, Any>) : Record {
    /**
     * Return a whole number.
     * @throws RecordException there is none of that name.
     */
    fun long(name: String): Long = value(name, "a whole number")

    /**
     * Return a number with a fraction.
     * @throws RecordException there is none of that name.
     */
    fun double(name: String): Double = value(name, "a number with a fraction")

    /**
     * Return a text.
     * @throws RecordException there is none of that name.
     */
    fun text(name: String): String = value(name, "a text")

    /**
     * Return a list of byte strings.
     * @throws RecordException there is none of that name.
     */
    fun blobs(name: String): List<ByteArray> = list(name).map {
        it as? ByteArray ?: throw RecordException("config $name holds values other than byte strings")
    }

    /** Return whole numbers without sign, such as ids of nodes; their upper half is negative here. */
    fun ids(name: String): List<Long> = list(name).map {
        when (it) {
            is Long -> it
            is ULong -> it.toLong()
            else -> throw RecordException("config $name holds values other than whole numbers")
        }
    }

    private fun list(name: String): List<*> = value<List<*>>(name, "a list")

    private inline fun <reified T> value(name: String, kind: String): T = values[name] as? T
        ?: throw RecordException(
            "config $name is ${if (name in values) "of another kind" else "missing"}; expected $kind",
        )
}

/** Flower's `RecordDict`. */
class RecordDict(val records: Map<String, Record>) {
    /**
     * Return a record.
     * @throws RecordException there is none of that name and kind.
     */
    inline fun <reified T : Record> record(name: String): T = records[name] as? T
        ?: throw RecordException(
            "no ${T::class.java.simpleName} $name in a message; it has ${records.keys.joinToString()}",
        )
}
