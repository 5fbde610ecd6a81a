package org.tinyaudiossl.federated.records

/** One of Flower's named records; the order of the names is part of a message's bytes. */
sealed interface Record

/** Flower's `ArrayRecord`. */
class ArrayRecord(val arrays: Map<String, NumericArray>) : Record

/** Flower's `MetricRecord`: values are Long, ULong, Double, or lists of one of these. */
class MetricRecord(val values: Map<String, Any>) : Record

/** Flower's `ConfigRecord`: as [MetricRecord], and Boolean, String, ByteArray and lists of these. */
class ConfigRecord(val values: Map<String, Any>) : Record {
    /** @throws RecordException there is no whole number of that name. */
    fun long(name: String): Long = values[name] as? Long
        ?: throw RecordException("config $name is ${values[name]}; expected a whole number")
}

/** Flower's `RecordDict`. */
class RecordDict(val records: Map<String, Record>) {
    /** @throws RecordException there is no such record of this kind. */
    inline fun <reified T : Record> record(name: String): T = records[name] as? T
        ?: throw RecordException(
            "no ${T::class.java.simpleName} $name in a message; it has ${records.keys.joinToString()}",
        )
}
