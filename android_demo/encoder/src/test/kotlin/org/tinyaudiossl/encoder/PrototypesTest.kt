package org.tinyaudiossl.encoder

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

class PrototypesTest {
    private val bell = floatArrayOf(1f, 0f, 0f)
    private val dog = floatArrayOf(0f, 1f, 0f)
    private val empty = Prototypes("abc")
    private val two = empty.taught("bell", bell).taught("dog", dog)

    @Test
    fun `the nearest mean wins, by direction and not by length`() {
        val near = assertNotNull(two.nearest(floatArrayOf(50f, 10f, 0f)))
        assertEquals("bell", near.name)
        assertEquals(1 - 50f / kotlin.math.sqrt(2600f), near.distance, 1e-6f)
        assertTrue(near.known)
        val between = assertNotNull(two.taught("bell", dog).nearest(floatArrayOf(1f, 1f, 0f)))
        assertEquals("bell", between.name)
        assertEquals(0f, between.distance, 1e-6f)
    }

    @Test
    fun `what is further than the threshold is unknown`() {
        val other = floatArrayOf(0.5f, 0f, 1f)
        assertFalse(two.nearest(other)!!.known)
        assertTrue(two.withThreshold(1f).nearest(other)!!.known)
        assertNull(empty.nearest(bell))
    }

    @Test
    fun `what is nearly as near to another sound is unknown`() {
        val between = two.nearest(floatArrayOf(1f, 0.98f, 0f))!!
        assertEquals("bell" to false, between.name to between.known)
        val wide = two.withThreshold(2f)
        assertFalse(wide.nearest(floatArrayOf(1f, 0.98f, 0f))!!.known)
        assertTrue(wide.nearest(floatArrayOf(1f, 0.5f, 0f))!!.known)
        assertTrue(wide.without("dog").nearest(floatArrayOf(1f, 0.98f, 0f))!!.known)
    }

    @Test
    fun `sounds are taught again, renamed, merged and deleted`() {
        val more = two.taught(" bell ", floatArrayOf(1f, 0.1f, 0f))
        assertEquals(mapOf("bell" to 2, "dog" to 1), more.counts)
        assertEquals(mapOf("bell" to 2, "cat" to 1), more.renamed("dog", "cat").counts)
        assertEquals(mapOf("bell" to 3), more.renamed("dog", "bell").counts)
        assertEquals(mapOf("dog" to 1), more.without("bell").counts)
        assertEquals(more.counts, more.renamed("none", "x").counts)
        assertEquals(mapOf("bell" to 1, "dog" to 1), two.counts) // the old one is as it was
    }

    @Test
    fun `what was stored is read back, for the same artifact only`() {
        val back = Prototypes.fromJson(two.withThreshold(0.5f).toJson(), "abc", 3)
        assertEquals(two.counts, back.counts)
        assertEquals(0.5f, back.threshold)
        assertEquals(two.nearest(bell)!!.distance, back.nearest(bell)!!.distance, 1e-6f)
        assertEquals(emptyMap(), Prototypes.fromJson(empty.toJson(), "abc", 3).counts)
        assertEquals(SoundsException.Reason.OTHER_ENCODER, refusal(two.toJson(), "def"))
    }

    @Test
    fun `a file that is not of taught sounds is refused`() {
        val good = two.toJson()
        val altered = listOf(
            "", "[]", good.dropLast(5),
            good.replace("\"format\":2", "\"format\":1"),
            good.replace("[[0,1,0]]", "[[0,1]]"), // not as long as the other's
            good.replace("[[0,1,0]]", "[[0,\"x\",0]]"),
            good.replace("\"dog\"", "\" \""),
            good.replace("[1,0,0]", "[1,0]").replace("[0,1,0]", "[0,1]"), // not as long as the artifact's
        )
        assertEquals(altered.size, (altered + good).toSet().size - 1) // each is another one
        for (text in altered) assertEquals(SoundsException.Reason.DAMAGED, refusal(text, "abc"), text)
    }

    private fun refusal(text: String, sha256: String) =
        assertFailsWith<SoundsException> { Prototypes.fromJson(text, sha256, 3) }.reason

    @Test
    fun `lists are joined`() {
        val joined = two.joined(Prototypes("abc").taught("dog", bell).taught("cat", dog))
        assertEquals(mapOf("bell" to 1, "dog" to 2, "cat" to 1), joined.counts)
    }

    @Test
    fun `a name is needed, and numbers`() {
        assertFailsWith<IllegalArgumentException> { empty.taught("  ", bell) }
        assertFailsWith<IllegalArgumentException> { empty.taught("x", floatArrayOf(Float.NaN)) }
        assertFailsWith<IllegalArgumentException> { two.nearest(floatArrayOf(1f)) }
        assertEquals(setOf("a b", "x".repeat(40)), empty.taught("a\n b", bell).taught("x".repeat(99), bell).counts.keys)
        val crowd = "\uD83D\uDC36".repeat(41) // a dog's face, which takes two characters of UTF-16
        assertEquals(setOf("\uD83D\uDC36".repeat(40), "a b"), empty.taught(crowd, bell).taught("a\u00A0 b", bell).counts.keys)
        assertFalse(two.taught("silence", FloatArray(3)).nearest(FloatArray(3))!!.distance.isNaN())
    }
}
