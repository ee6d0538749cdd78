/**
 * What the systems accept in an XML file, where nothing on this machine can ask them.
 *
 * @module
 */

/** The elements of Apple's PropertyList-1.0.dtd. */
export const PLIST_DTD = `
<!ENTITY % plistObject "(array | data | date | dict | real | integer | string | true | false)">
<!ELEMENT plist %plistObject;>
<!ATTLIST plist version CDATA "1.0">
<!ELEMENT array (%plistObject;)*>
<!ELEMENT dict (key, %plistObject;)*>
<!ELEMENT key (#PCDATA)>
<!ELEMENT string (#PCDATA)>
<!ELEMENT data (#PCDATA)>
<!ELEMENT date (#PCDATA)>
<!ELEMENT true EMPTY>
<!ELEMENT false EMPTY>
<!ELEMENT real (#PCDATA)>
<!ELEMENT integer (#PCDATA)>
`;

/**
 * The part of [MS-TSCH] 2.5 that is in use, for version 1.2. A trigger's elements are in the order in which Windows
 * itself exports them.
 */
export const TASK_SCHEMA = `<?xml version="1.0"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"
  targetNamespace="http://schemas.microsoft.com/windows/2004/02/mit/task" elementFormDefault="qualified">
  <xs:element name="Task">
    <xs:complexType>
      <xs:all>
        <xs:element name="RegistrationInfo"><xs:complexType><xs:all>
          <xs:element name="Description" type="xs:string" minOccurs="0"/>
        </xs:all></xs:complexType></xs:element>
        <xs:element name="Triggers"><xs:complexType><xs:choice maxOccurs="48">
          <xs:element name="TimeTrigger"><xs:complexType><xs:sequence>
            <xs:element name="Repetition"><xs:complexType><xs:all>
              <xs:element name="Interval"><xs:simpleType><xs:restriction base="xs:duration">
                <xs:minInclusive value="PT1M"/><xs:maxInclusive value="P31D"/>
              </xs:restriction></xs:simpleType></xs:element>
            </xs:all></xs:complexType></xs:element>
            <xs:element name="StartBoundary" type="xs:dateTime"/>
            <xs:element name="Enabled" type="xs:boolean" minOccurs="0"/>
          </xs:sequence></xs:complexType></xs:element>
        </xs:choice></xs:complexType></xs:element>
        <xs:element name="Principals"><xs:complexType><xs:sequence>
          <xs:element name="Principal"><xs:complexType><xs:all>
            <xs:element name="UserId" type="xs:string"/>
            <xs:element name="RunLevel"><xs:simpleType><xs:restriction base="xs:string">
              <xs:enumeration value="LeastPrivilege"/><xs:enumeration value="HighestAvailable"/>
            </xs:restriction></xs:simpleType></xs:element>
          </xs:all><xs:attribute name="id" type="xs:ID"/></xs:complexType></xs:element>
        </xs:sequence></xs:complexType></xs:element>
        <xs:element name="Settings"><xs:complexType><xs:all>
          <xs:element name="MultipleInstancesPolicy"><xs:simpleType><xs:restriction base="xs:string">
            <xs:enumeration value="Parallel"/><xs:enumeration value="Queue"/>
            <xs:enumeration value="IgnoreNew"/><xs:enumeration value="StopExisting"/>
          </xs:restriction></xs:simpleType></xs:element>
          <xs:element name="DisallowStartIfOnBatteries" type="xs:boolean"/>
          <xs:element name="StopIfGoingOnBatteries" type="xs:boolean"/>
          <xs:element name="StartWhenAvailable" type="xs:boolean"/>
          <xs:element name="Enabled" type="xs:boolean"/>
          <xs:element name="ExecutionTimeLimit" type="xs:duration"/>
        </xs:all></xs:complexType></xs:element>
        <xs:element name="Actions"><xs:complexType><xs:sequence>
          <xs:element name="Exec"><xs:complexType><xs:all>
            <xs:element name="Command"><xs:simpleType><xs:restriction base="xs:string">
              <xs:minLength value="1"/>
            </xs:restriction></xs:simpleType></xs:element>
            <xs:element name="Arguments" type="xs:string" minOccurs="0"/>
          </xs:all></xs:complexType></xs:element>
        </xs:sequence><xs:attribute name="Context" type="xs:IDREF"/></xs:complexType></xs:element>
      </xs:all>
      <xs:attribute name="version"><xs:simpleType><xs:restriction base="xs:string">
        <xs:enumeration value="1.2"/>
      </xs:restriction></xs:simpleType></xs:attribute>
    </xs:complexType>
  </xs:element>
</xs:schema>
`;
