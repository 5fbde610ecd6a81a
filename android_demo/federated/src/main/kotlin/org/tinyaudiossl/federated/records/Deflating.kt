package org.tinyaudiossl.federated.records

/** Turn messages into Flower's objects, with the bytes and ids that Python gives. */
object Deflating {
    /** Flower's own default: arrays are sent in pieces of so many bytes. */
    const val CHUNK_BYTES = 5 * 1024 * 1024

    fun message(message: Message): FlowerObject {
        val children = when (val payload = message.payload) {
            is Content -> listOf(recordDict(payload.records))
            is Failure -> emptyList()
        }
        return FlowerObject("Message", MessageCodec.encode(message, withContent = false), children)
    }

    fun recordDict(dict: RecordDict): FlowerObject {
        val objects = dict.records.mapValues { record(it.value) }
        return FlowerObject("RecordDict", references(objects), objects.values.toList())
    }

    private fun record(record: Record): FlowerObject = when (record) {
        is MetricRecord -> FlowerObject("MetricRecord", RecordCodec.encode(record.values))
        is ConfigRecord -> FlowerObject("ConfigRecord", RecordCodec.encode(record.values))
        is ArrayRecord -> {
            val objects = record.arrays.mapValues { array(it.value) }
            FlowerObject("ArrayRecord", references(objects), objects.values.toList())
        }
    }

    private fun array(array: NumericArray): FlowerObject {
        val starts = array.npy.indices step CHUNK_BYTES
        val chunks = starts.map { start ->
            FlowerObject("ArrayChunk", array.npy.copyOfRange(start, minOf(start + CHUNK_BYTES, array.npy.size)))
        }
        val ids = chunks.map { it.id }.distinct()
        val order = chunks.joinToString(", ") { ids.indexOf(it.id).toString() }
        val body = "{\"dtype\": \"${array.dtype.pythonName}\", \"shape\": [${array.shape.joinToString(", ")}], " +
            "\"stype\": \"numpy.ndarray\", \"arraychunk_ids\": [$order]}"
        return FlowerObject("Array", body.toByteArray(), chunks)
    }

    private fun references(objects: Map<String, FlowerObject>): ByteArray = objects.entries
        .joinToString(", ", "{", "}") { (name, one) -> "${quoted(name)}: \"${one.id}\"" }
        .toByteArray()

    /** Return JSON as Python writes it: everything but ASCII as an escape. */
    private fun quoted(text: String): String = text.map { char ->
        when {
            char == '"' || char == '\\' -> "\\$char"
            char in ' '..'~' -> char.toString()
            else -> "\\u%04x".format(char.code)
        }
    }.joinToString("", "\"", "\"")
}
