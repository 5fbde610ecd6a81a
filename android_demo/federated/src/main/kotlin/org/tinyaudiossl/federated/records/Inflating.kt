package org.tinyaudiossl.federated.records

import java.io.ByteArrayOutputStream
import org.json.JSONException
import org.json.JSONObject

/**
 * Read a message's content from its objects, from the top down, so that an array of more than
 * [maxArrayBytes] is refused by what it announces, before its numbers are pulled.
 *
 * @param pull gives the content of an object by its id.
 */
class Inflating(private val maxArrayBytes: Long, private val pull: (String) -> ByteArray) {
    private var announcedBytes = 0L

    /**
     * Return the content of the message whose object has [messageId].
     * @throws RecordException an object is damaged or of another kind, or arrays are too large.
     */
    fun content(messageId: String): RecordDict = try {
        val (dictId) = pulled(messageId).expect("Message").childIds
        recordDict(dictId)
    } catch (error: JSONException) {
        throw RecordException("an object's JSON: ${error.message}", error)
    } catch (error: IndexOutOfBoundsException) {
        throw RecordException("the children of an object differ from those in its body", error)
    }

    private fun recordDict(id: String): RecordDict {
        val dict = pulled(id).expect("RecordDict")
        return RecordDict(references(dict).mapValues { (_, recordId) -> record(recordId) })
    }

    private fun record(id: String): Record {
        val found = pulled(id)
        return when (found.type) {
            "MetricRecord" -> MetricRecord(RecordCodec.decode(found.body))
            "ConfigRecord" -> ConfigRecord(RecordCodec.decode(found.body))
            "ArrayRecord" -> ArrayRecord(references(found).mapValues { (_, arrayId) -> array(arrayId) })
            else -> throw RecordException("an object of type ${found.type} in a record dict")
        }
    }

    private fun array(id: String): NumericArray {
        val found = pulled(id).expect("Array")
        val said = JSONObject(String(found.body))
        if (said.getString("stype") != "numpy.ndarray") {
            throw RecordException("an array serialized as ${said.getString("stype")}; expected numpy.ndarray")
        }
        val lengths = said.getJSONArray("shape")
        val shape = List(lengths.length()) { lengths.getInt(it) }
        val allowed = maxArrayBytes - announcedBytes + NPY_HEAD_BYTES
        val dtype = said.getString("dtype")
        if (dtype.isNotEmpty()) announce(DType.of(dtype), shape)
        val order = said.getJSONArray("arraychunk_ids")
        val npy = ByteArrayOutputStream()
        for (i in 0 until order.length()) {
            npy.write(pulled(found.childIds[order.getInt(i)]).expect("ArrayChunk").body)
            if (npy.size() > allowed) throw tooLarge(announcedBytes + npy.size())
        }
        if (dtype.isNotEmpty()) return NumericArray(DType.of(dtype), shape, npy.toByteArray())
        // Flower's older interface leaves format and shape to the file.
        return NpyFormat.array(npy.toByteArray()).also { announce(it.dtype, it.shape) }
    }

    private fun announce(dtype: DType, shape: List<Int>) {
        val bytes = shape.fold(dtype.bytes.toDouble()) { product, length -> product * length }
        if (shape.any { it < 0 } || announcedBytes + bytes > maxArrayBytes) {
            throw tooLarge((announcedBytes + bytes).toLong())
        }
        announcedBytes += bytes.toLong()
    }

    private fun tooLarge(bytes: Long) =
        RecordException("a message's arrays have $bytes bytes; this device expects at most $maxArrayBytes")

    private fun references(found: ObjectContent): Map<String, String> {
        val json = JSONObject(String(found.body))
        val names = json.keys().asSequence().associateWith { json.getString(it) }
        return names.entries.sortedBy { found.childIds.indexOf(it.value) }.associate { it.key to it.value }
    }

    private fun pulled(id: String): ObjectContent {
        val content = pull(id)
        if (sha256Hex(content) != id) {
            throw RecordException("an object's SHA-256 is not its id ${id.take(12)}…; it is damaged")
        }
        return ObjectContent(content)
    }

    private companion object {
        const val NPY_HEAD_BYTES = 1024
    }
}
