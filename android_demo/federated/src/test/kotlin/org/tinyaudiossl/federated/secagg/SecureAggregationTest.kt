package org.tinyaudiossl.federated.secagg

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue
import org.tinyaudiossl.federated.device.RunRefusedException
import org.tinyaudiossl.federated.device.RunSettings
import org.tinyaudiossl.federated.records.ConfigRecord
import org.tinyaudiossl.federated.records.RecordException

class SecureAggregationTest {
    private val settings = RunSettings(mapOf("secagg-range" to 1.0), emptyMap())
    private val ids = listOf(5L, -6L, 7L) // the second is above 2^63 without sign
    private val devices = ids.associateWith { SecureAggregation(it) }
    private var trainings = 0

    private fun setup(vararg other: Pair<String, Any>) = record(
        "setup",
        *arrayOf(
            "sample_num" to 3L, "share_num" to 3L, "threshold" to 2L, "clipping_range" to 1.0,
            "target_range" to (1L shl 22), "mod_range" to (1L shl 32), "max_weight" to 1000.0, *other,
        ),
    )

    private fun record(stage: String, vararg values: Pair<String, Any>) =
        ConfigRecord(linkedMapOf<String, Any>("stage" to stage, *values))

    private fun answer(id: Long, asked: ConfigRecord): ConfigRecord = devices.getValue(id).answer(asked, settings) {
        trainings++
        WeightedUpdate(FloatArray(3) { 0.25f }, weight = 8)
    }

    private fun refusal(id: Long, asked: ConfigRecord): String =
        assertFailsWith<RunRefusedException> { answer(id, asked) }.message.orEmpty()

    private fun publicKeys(): Map<String, Any> = ids.associate { id ->
        val keys = answer(id, setup())
        id.toULong().toString() to listOf("pk1", "pk2").map { keys.values.getValue(it) }
    }

    private fun shareKeys(keys: Map<String, Any>) = record("share_keys", *keys.toList().toTypedArray())

    /** The third stage's message to each device, after the first two. */
    private fun shared(): Map<Long, ConfigRecord> {
        val keys = publicKeys()
        val sent = ids.flatMap { source ->
            val answer = answer(source, shareKeys(keys))
            answer.ids("dsts").zip(answer.blobs("ctxts")).map { (to, token) -> Triple(source, to, token) }
        }
        return ids.associateWith { id ->
            val own = sent.filter { it.second == id }
            collect(own.map { it.first }, own.map { it.third })
        }
    }

    private fun collect(sources: List<Long>, tokens: List<ByteArray>) =
        record("collect_masked_vectors", "srcs" to idValues(sources), "ctxts" to tokens)

    private fun unmask(active: List<Long>, dead: List<Long>) =
        record("unmask", "active_nids" to idValues(active), "dead_nids" to idValues(dead))

    @Test
    fun aRoundGivesASharePerNodeAndCanBeRepeated() {
        repeat(2) {
            shared().forEach { (id, asked) -> assertEquals(2, answer(id, asked).blobs("masked_params").size) }
            for (id in ids) {
                val asked = if (id == 7L) unmask(ids, emptyList()) else unmask(active = listOf(5L, -6L), dead = listOf(7L))
                val found = answer(id, asked)
                assertEquals(3, found.blobs("shares").size)
                assertTrue(devices.getValue(id).isIdle)
            }
        }
        assertEquals(6, trainings)
    }

    @Test
    fun whatWouldRevealAnUpdateIsRefused() {
        shared().forEach { (id, asked) -> answer(id, asked) }
        assertTrue("both secrets" in refusal(5, unmask(ids, listOf(-6L))))
        assertTrue("both secrets" in refusal(5, unmask(listOf(-6L, 7L), listOf(5L))))
        assertTrue("1 nodes have sent updates; at least 2" in refusal(5, unmask(listOf(5L), listOf(7L))))
        assertTrue("no share of node 18446744073709551606" in refusal(5, unmask(ids, listOf(-10L))))
        answer(5, unmask(ids, emptyList()))
        assertTrue("stage unmask is not the next one" in refusal(5, unmask(listOf(5L, 7L), listOf(-6L))))
    }

    @Test
    fun parametersThatHideTooLittleAreRefused() {
        val reasons = listOf(
            "threshold" to 1L to "1 of 3 shares", "share_num" to 4L to "2 of 4 shares", "threshold" to 4L to "4 of 3",
            "mod_range" to (1L shl 22) to "larger power of two", "mod_range" to 3_000_000_000L to "larger power of two",
            "mod_range" to (1L shl 33) to "at most 2^32", "clipping_range" to 0.5 to "clips at 0.5",
        )
        for ((asked, reason) in reasons) assertTrue(reason in refusal(5, setup(asked)), reason)
        assertFailsWith<RecordException> { answer(5, setup("threshold" to "two")) }
        assertTrue(devices.getValue(5).isIdle)
    }

    @Test
    fun changedKeysAndNeighboursAreRefused() {
        val keys = publicKeys()
        val (own, second, third) = keys.keys.toList()
        assertTrue("changed this device's public keys" in refusal(5, shareKeys(keys - own)))
        val changed = keys.getValue(second).let { it as List<*> }.reversed()
        val withoutOwn = mapOf(own to changed, third to keys.getValue(third))
        assertTrue("changed this device's public keys" in refusal(5, shareKeys(withoutOwn)))
        assertTrue("same public key" in refusal(5, shareKeys(keys + (second to keys.getValue(third)))))
        assertTrue("1 neighbors; expected 2 to 3" in refusal(5, shareKeys(mapOf(own to keys.getValue(own)))))
        val broken = listOf("no key".toByteArray(), "none either".toByteArray())
        assertTrue("no PEM file" in refusal(5, shareKeys(keys + (second to broken))))
        assertTrue("is not the id of a node" in refusal(5, shareKeys(keys + ("-6" to broken))))
    }

    @Test
    fun sharesOfOthersAreRefusedBeforeAnythingIsTrained() {
        val asked = shared().getValue(5)
        val tokens = asked.blobs("ctxts")
        val damaged = tokens[0].copyOf().also { it[40] = if (it[40] == 'A'.code.toByte()) 66 else 65 }
        val reasons = mapOf(
            collect(listOf(7L, -6L), tokens) to "another key",
            collect(listOf(-6L, 7L), listOf(damaged, tokens[1])) to "damaged",
            collect(listOf(-6L, -6L), tokens) to "expected one each",
            collect(listOf(-6L), tokens) to "expected one each",
            collect(listOf(-6L, 8L), tokens) to "no neighbor in this round",
            collect(emptyList(), emptyList()) to "at least 1",
        )
        for ((record, reason) in reasons) assertTrue(reason in refusal(5, record), reason)
        assertEquals(0, trainings)
        answer(5, asked) // refusals have changed nothing
        assertTrue("not the next one" in refusal(5, asked))
    }

    @Test
    fun aNewSetupForgetsTheRoundBefore() {
        val asked = shared()
        answer(5, setup())
        assertFalse(devices.getValue(5).isIdle)
        assertTrue("not the next one" in refusal(5, asked.getValue(5)))
    }

    @Test
    fun anUpdateIsNeverSentUnmasked() {
        val quantizer = Quantizer(1.0, 1L shl 22) { 0.5 }
        val plain = quantizer.quantized(FloatArray(3) { 0.25f }, quantizer.factor(8, 1000.0))
        val masked = answer(5, shared().getValue(5)).blobs("masked_params")[1]
        val text = String(masked, Charsets.ISO_8859_1)
        for (number in plain) {
            val bytes = ByteArray(8) { (number shr 8 * it).toByte() }
            assertFalse(String(bytes, Charsets.ISO_8859_1) in text)
        }
    }
}
