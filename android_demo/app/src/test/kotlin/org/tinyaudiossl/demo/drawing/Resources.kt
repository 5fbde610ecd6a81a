package org.tinyaudiossl.demo.drawing

import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import org.w3c.dom.Element

/** The app's resources as they lie there. */
class Resources(private val res: File) {
    val layout = File(res, "layout/main.xml")

    /** The texts of a folder such as `values-de`, by name. */
    fun strings(values: String): Map<String, String> = File(res, "$values/strings.xml").xml().children()
        .associate { it.getAttribute("name") to it.textContent.replace("\\'", "'") }

    /** A color of `themes.xml`. */
    fun color(values: String, name: String): Int = File(res, "$values/themes.xml").xml().children()
        .single { it.tagName == "color" && it.getAttribute("name") == name }
        .let { (0xFF000000 or it.textContent.drop(1).toLong(16)).toInt() }
}

internal fun File.xml(): Element =
    DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(this).documentElement

internal fun Element.children(): List<Element> =
    (0 until childNodes.length).map(childNodes::item).filterIsInstance<Element>()

internal fun Element.attribute(name: String): String = getAttribute("android:$name")

internal fun Element.id(): String = attribute("id").removePrefix("@+id/")

/** A length; 0 where there is none. */
internal fun Element.dp(name: String): Float = attribute(name).removeSuffix("dp").toFloatOrNull() ?: 0f
