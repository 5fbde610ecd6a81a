package org.tinyaudiossl.federated.records

import java.security.MessageDigest

/**
 * An object as Flower stores and sends it: a head with the ids of its children, a zero byte, a body.
 * Its [id] is the SHA-256 of all that.
 */
class FlowerObject(val type: String, body: ByteArray, val children: List<FlowerObject> = emptyList()) {
    val content: ByteArray =
        "$type ${children.map { it.id }.distinct().joinToString(",")} ${body.size}\u0000".toByteArray() + body
    val id: String = sha256Hex(content)

    /** Return each object below this one, and itself, once: children first. */
    fun all(): Map<String, FlowerObject> {
        val found = LinkedHashMap<String, FlowerObject>()
        children.forEach { found.putAll(it.all()) }
        found[id] = this
        return found
    }
}

/** An object's head and body, read from [content]. */
internal class ObjectContent(private val content: ByteArray) {
    private val divider = content.indexOf(0)
    private val head = if (divider < 0) emptyList() else String(content, 0, divider).split(' ')

    init {
        val length = head.getOrNull(2)?.toIntOrNull()
        if (head.size != 3 || length != content.size - divider - 1) {
            throw RecordException("an object of ${content.size} bytes has no head of type, children and length")
        }
    }

    val type: String get() = head[0]
    val childIds: List<String> get() = head[1].split(',').filter(String::isNotEmpty)
    val body: ByteArray get() = content.copyOfRange(divider + 1, content.size)

    /**
     * Return this object.
     * @throws RecordException it has another type.
     */
    fun expect(wanted: String): ObjectContent {
        if (type != wanted) throw RecordException("an object of type $type; expected $wanted")
        return this
    }
}

/** Return the SHA-256 in hexadecimal. */
fun sha256Hex(content: ByteArray): String = MessageDigest.getInstance("SHA-256")
    .digest(content)
    .joinToString("") { "%02x".format(it) }
