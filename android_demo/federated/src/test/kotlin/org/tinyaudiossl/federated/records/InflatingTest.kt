package org.tinyaudiossl.federated.records

import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class InflatingTest {
    private val numbers = FloatArray(100) { it.toFloat() }
    private val metadata = Metadata(1, "", 2, 1, "question", "1", 60.0, "train", 1.8e9, null, 7)

    private fun objects(array: NumericArray): Pair<String, MutableMap<String, ByteArray>> {
        val dict = RecordDict(mapOf("arrays" to ArrayRecord(mapOf("weights" to array))))
        val top = Deflating.message(Message(metadata, Content(dict)))
        return top.id to top.all().mapValuesTo(HashMap()) { it.value.content }
    }

    @Test
    fun anArrayComesBack() {
        val (id, contents) = objects(NumericArray.of(numbers))
        val found = Inflating(400) { contents.getValue(it) }.content(id)
        assertContentEquals(numbers, found.record<ArrayRecord>("arrays").arrays.getValue("weights").floats())
    }

    @Test
    fun aLargeArrayIsRefusedBeforeItsNumbersArePulled() {
        val (id, contents) = objects(NumericArray.of(numbers))
        val pulled = ArrayList<String>()
        val error = assertFailsWith<RecordException> {
            Inflating(399) { contents.getValue(it).also { content -> pulled += String(content).substringBefore(' ') } }
                .content(id)
        }
        assertEquals("a message's arrays have 400 bytes; this device expects at most 399", error.message)
        assertEquals(listOf("Message", "RecordDict", "ArrayRecord", "Array"), pulled)
    }

    /** As in messages of Flower's older interface: format and shape are in the file alone. */
    private fun withoutFormat(array: NumericArray): Pair<String, Map<String, ByteArray>> {
        val halves = array.npy.toList().chunked(300).map { FlowerObject("ArrayChunk", it.toByteArray()) }
        val order = halves.indices.joinToString(", ")
        val body = "{\"dtype\": \"\", \"shape\": [], \"stype\": \"numpy.ndarray\", \"arraychunk_ids\": [$order]}"
        val one = FlowerObject("Array", body.toByteArray(), halves)
        val arrays = FlowerObject("ArrayRecord", "{\"0\": \"${one.id}\"}".toByteArray(), listOf(one))
        val dict = FlowerObject("RecordDict", "{\"a\": \"${arrays.id}\"}".toByteArray(), listOf(arrays))
        val top = FlowerObject("Message", ByteArray(0), listOf(dict))
        return top.id to top.all().mapValues { it.value.content }
    }

    @Test
    fun anArrayWithoutFormatIsReadAndALargeOneRefusedWhereItGrowsTooLarge() {
        val (id, contents) = withoutFormat(NumericArray.of(numbers))
        val found = Inflating(400) { contents.getValue(it) }.content(id).record<ArrayRecord>("a").arrays.getValue("0")
        assertContentEquals(numbers, found.floats())
        assertEquals(listOf(100), found.shape)
        assertFailsWith<RecordException> { Inflating(399) { contents.getValue(it) }.content(id) }

        val (largeId, large) = withoutFormat(NumericArray.of(FloatArray(10_000) { it.toFloat() }))
        var pulled = 0
        assertFailsWith<RecordException> { Inflating(400) { large.getValue(it).also { pulled++ } }.content(largeId) }
        assertEquals(4 + 5, pulled) // of 133 pieces
        val (brokenId, broken) = withoutFormat(NumericArray(DType.INT8, listOf(7), ByteArray(99)))
        assertFailsWith<RecordException> { Inflating(400) { broken.getValue(it) }.content(brokenId) }
    }

    @Test
    fun aDamagedObjectIsRefused() {
        val (id, contents) = objects(NumericArray.of(numbers))
        for ((damaged, content) in contents.toMap()) {
            val altered = contents + (damaged to content.copyOf().also { it[it.size - 1] = 1 })
            assertFailsWith<RecordException> { Inflating(400) { altered.getValue(it) }.content(id) }
        }
    }

    @Test
    fun anArrayThatIsNotWhatItAnnouncesIsRefused() {
        val npy = NumericArray.of(numbers).npy
        val wrong = listOf(
            NumericArray(DType.FLOAT32, listOf(99), npy),
            NumericArray(DType.INT64, listOf(100), npy),
            NumericArray(DType.FLOAT32, listOf(100), npy.copyOf(npy.size - 1)),
            NumericArray(DType.FLOAT32, listOf(100), ByteArray(6)),
        )
        wrong.forEach { assertFailsWith<RecordException> { it.numbers() } }
        assertFailsWith<RecordException> { NumericArray.of(ByteArray(4)).floats() }
    }

    @Test
    fun aReplyGoesBackToWhoAsked() {
        val reply = metadata.copy(messageId = "id").ofReply(nowS = 1.8e9 + 10)
        assertEquals(listOf(1L, 2L), listOf(reply.sourceNodeId, reply.destinationNodeId))
        assertEquals(listOf<Long?>(7, null), listOf(reply.sourceTaskId, reply.destinationTaskId))
        assertEquals("id", reply.replyToMessageId)
        assertEquals(50.0, reply.ttlS)
    }
}
