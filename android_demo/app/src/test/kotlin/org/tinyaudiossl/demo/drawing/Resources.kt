package org.tinyaudiossl.demo.drawing

import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import org.w3c.dom.Element

/** The app's resources as they lie there; what a later one of the folders has replaces an earlier one's. */
class Resources(private val folders: List<File>) {

    /** @param path of folders, separated as in a class path; null: of the build without network. */
    constructor(path: String?) : this((path ?: "src/main/res:src/demo/res").split(File.pathSeparator).map(::File))

    fun layout(name: String): Element =
        folders.map { File(it, "layout/$name.xml") }.last(File::isFile).xml()

    /** The texts of a folder such as `values-de`, by name. */
    fun strings(values: String): Map<String, String> = merged("$values/strings.xml") { root ->
        root.associate { it.getAttribute("name") to it.textContent.replace("\\'", "'").replace("\\n", "\n") }
    }

    /** A color of `values` or `values-night`. */
    fun color(values: String, name: String): Int {
        fun colors(file: String) = merged("$values/$file") { root ->
            root.filter { it.tagName == "color" }.associate { it.getAttribute("name") to it.textContent }
        }
        val text = (colors("themes.xml") + colors("colors.xml")).getValue(name)
        return (0xFF000000 or text.drop(1).toLong(16)).toInt()
    }

    private fun merged(file: String, read: (List<Element>) -> Map<String, String>): Map<String, String> =
        folders.map { File(it, file) }.filter(File::isFile)
            .fold(emptyMap()) { found, one -> found + read(one.xml().children()) }
}

private fun File.xml(): Element =
    DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(this).documentElement

internal fun Element.children(): List<Element> =
    (0 until childNodes.length).map(childNodes::item).filterIsInstance<Element>()

internal fun Element.attribute(name: String): String = getAttribute("android:$name")

internal fun Element.id(): String = attribute("id").removePrefix("@+id/")

/** A length; 0 where there is none. */
internal fun Element.dp(name: String): Float = attribute(name).removeSuffix("dp").toFloatOrNull() ?: 0f
