package org.tinyaudiossl.federated.wire

import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class ProtoFieldsTest {
    private val bytes = proto {
        uint(1, -1)
        sint(2, -3)
        double(3, -0.5)
        string(4, "ü")
        message(5) { packedSints(1, listOf(0L, 1L, -1L, Long.MIN_VALUE)) }
        packedDoubles(6, listOf(0.0, 1e300))
    }

    @Test
    fun whatWasWrittenIsRead() {
        val fields = ProtoFields(bytes)
        assertEquals(listOf(-1L, -3L), listOf(fields.uint(1), fields.sint(2)))
        assertEquals(-0.5, fields.double(3))
        assertEquals("ü", fields.string(4))
        assertEquals(listOf(0L, 1L, -1L, Long.MIN_VALUE), fields.message(5).packedSints(1))
        assertEquals(listOf(0.0, 1e300), fields.packedDoubles(6))
    }

    @Test
    fun defaultsAreNotWrittenAndAreRead() {
        val empty = proto {
            uint(1, 0)
            double(2, 0.0)
            string(3, "")
        }
        assertContentEquals(ByteArray(0), empty)
        assertEquals("", ProtoFields(empty).string(3))
        assertEquals(0.0, ProtoFields(empty).double(2))
    }

    @Test
    fun everyCutOfAMessageWithinAFieldIsRefused() {
        val whole = proto { bytes(1, ByteArray(300)) }
        for (length in 1 until whole.size) {
            assertFailsWith<ProtoException>("$length") { ProtoFields(whole.copyOf(length)) }
        }
    }

    @Test
    fun aFieldOfAnotherTypeAndAnEndlessNumberAreRefused() {
        assertFailsWith<ProtoException> { ProtoFields(bytes).string(1) }
        assertFailsWith<ProtoException> { ProtoFields(ByteArray(20) { -1 }) }
    }
}
